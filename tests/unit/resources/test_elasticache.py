"""Caches: groups with folded members, clusters, serverless caches, their nodes, and ids that are each their own."""

import pytest

from ec2menu.models import Cache, CacheAuth, EndpointRole
from ec2menu.resources.elasticache import each_node
from ec2menu.resources.elasticache_parse import parse_caches, parse_cluster, parse_group, parse_serverless
from tests.unit.resources.cache_entries import (
    GROUP,
    MEMBERS,
    REGION,
    SERVERLESS,
    SHARDED,
    SHARDS,
    at,
    cache,
    cluster,
    end,
    ids,
)

# -- replication groups -----------------------------------------------------------------------------------------------


def test_a_group_is_a_primary_and_a_reader_with_its_members_folded() -> None:
    primary, reader = parse_caches([GROUP], MEMBERS, [], region=REGION)
    assert primary == Cache(
        id="sessions:primary",
        region=REGION,
        name="sessions",
        role=EndpointRole.PRIMARY,
        engine="valkey",
        engine_version="8.0.1",
        status="available",
        endpoint=end("master.sessions"),
        tls=True,
        auth=CacheAuth.RBAC,
        nodes=(("sessions-001", end("read-1")), ("sessions-002", end("read-2"))),
        subnet_group="main",
    )
    assert (reader.id, reader.role, reader.endpoint) == (
        "sessions:reader",
        EndpointRole.READER,
        end("replica.sessions"),
    )
    assert reader.nodes == primary.nodes


@pytest.mark.parametrize("missing", sorted(GROUP))
def test_any_member_of_a_group_may_be_missing(missing: str) -> None:
    without = {key: value for key, value in GROUP.items() if key != missing}
    found = parse_group(without, {}, REGION)
    assert {row.region for row in found} == {REGION}
    unneeded = {"ClusterEnabled", "ClusterMode", "AuthTokenEnabled", "MemberClusters"}
    assert (found == parse_group(GROUP, {}, REGION)) is (missing in unneeded)


def test_a_group_in_cluster_mode_is_one_endpoint_and_its_nodes_come_from_the_clusters() -> None:
    (found,) = parse_caches([SHARDED], SHARDS, [], region=REGION)
    assert (found.id, found.role, found.cluster_mode) == ("feed:configuration", EndpointRole.CONFIGURATION, True)
    assert (found.endpoint, found.auth) == (end("clustercfg.feed"), CacheAuth.TOKEN)
    assert found.nodes == (("feed-0001-001", end("feed-0001-001.0001")), ("feed-0002-001", end("feed-0002-001.0001")))


def test_a_group_between_the_modes_has_all_its_endpoints() -> None:
    compatible = GROUP | {"ClusterMode": "compatible", "ClusterEnabled": True, "ConfigurationEndpoint": at("cfg")}
    assert ids(parse_group(compatible, {}, REGION)) == [
        "sessions:configuration",
        "sessions:primary",
        "sessions:reader",
    ]


def test_a_configuration_endpoint_is_listed_whatever_the_mode_is_said_to_be() -> None:
    rows = parse_group(GROUP | {"ConfigurationEndpoint": at("cfg")}, {}, REGION)
    assert [(row.role.value, row.cluster_mode) for row in rows] == [
        ("configuration", False),
        ("primary", False),
        ("reader", False),
    ]


def test_members_that_only_the_group_names_are_folded() -> None:
    early = {key: value for key, value in GROUP.items() if key != "NodeGroups"}
    (found,) = parse_caches([early], [cluster("sessions-001"), cluster("sessions-002")], [], region=REGION)
    assert [node for node, _ in found.nodes] == ["sessions-001", "sessions-002"]


@pytest.mark.parametrize(("clustered", "role"), [(False, "primary"), (True, "configuration")])
def test_a_group_that_is_being_created_is_listed_without_endpoint(clustered: bool, role: str) -> None:
    young = {"ReplicationGroupId": "next", "Status": "Creating", "ClusterEnabled": clustered}
    (found,) = parse_caches([young], [], [], region=REGION)
    assert (found.id, found.endpoint, found.status) == (f"next:{role}", None, "creating")
    assert (found.nodes, found.subnet_group) == ((), "")


def test_members_are_rows_of_their_own_where_their_group_is_not_listed() -> None:
    found = parse_caches([], MEMBERS, [], region=REGION)
    assert [(row.id, row.role.value, row.endpoint) for row in found] == [
        ("sessions-001", "node", end("sessions-001.0001")),
        ("sessions-002", "node", end("sessions-002.0001")),
    ]


def test_a_member_that_its_group_does_not_name_yet_is_folded_all_the_same() -> None:
    found = parse_caches([GROUP], [*MEMBERS, cluster("sessions-003", ReplicationGroupId="sessions")], [], region=REGION)
    assert ids(found) == ["sessions:primary", "sessions:reader"]
    assert [node for node, _ in found[0].nodes] == ["sessions-001", "sessions-002", "sessions-003"]


def test_a_group_without_an_engine_has_that_of_its_members() -> None:
    without = {key: value for key, value in GROUP.items() if key != "Engine"}
    assert parse_group(without, {member["CacheClusterId"]: member for member in MEMBERS}, REGION)[0].engine == "valkey"
    assert parse_group(without, {}, REGION)[0].engine == "redis"


# -- clusters ---------------------------------------------------------------------------------------------------------


def test_a_memcached_cluster_is_its_configuration_endpoint() -> None:
    entry = cluster("pages", "memcached", ["0001", "0002"], ConfigurationEndpoint=at("pages.cfg", 11211))
    found = parse_cluster(entry, REGION)
    assert (found.id, found.role) == ("pages:configuration", EndpointRole.CONFIGURATION)
    assert found.endpoint == end("pages.cfg", 11211)
    assert [node for node, _ in found.nodes] == ["0001", "0002"]
    assert (found.tls, found.auth, found.subnet_group) == (False, CacheAuth.NONE, "main")


def test_a_memcached_cluster_that_is_being_created_keeps_the_id_it_will_have() -> None:
    found = parse_cluster(cluster("pages", "memcached", [], CacheClusterStatus="creating"), REGION)
    assert (found.id, found.endpoint) == ("pages:configuration", None)


def test_a_memcached_cluster_without_a_configuration_endpoint_is_reached_at_its_node() -> None:
    found = parse_cluster(cluster("pages", "memcached"), REGION)
    assert (found.id, found.endpoint) == ("pages", end("pages.0001"))


def test_a_redis_cluster_without_a_group_is_its_node() -> None:
    found = parse_cluster(cluster("scratch", "redis", AuthTokenEnabled=True, TransitEncryptionEnabled=True), REGION)
    assert (found.id, found.role, found.endpoint) == ("scratch", EndpointRole.NODE, end("scratch.0001"))
    assert (found.tls, found.auth) == (True, CacheAuth.TOKEN)
    assert parse_cluster(cluster("scratch", "redis", []), REGION).endpoint is None


def test_empty_entries_are_empty_caches() -> None:
    bare = Cache(id="", region="r", name="", role=EndpointRole.NODE, engine="")
    assert parse_cluster({}, "r") == bare
    assert [(row.id, row.endpoint) for row in parse_group({}, {}, "r")] == [(":primary", None)]
    assert [(row.id, row.endpoint) for row in parse_serverless({}, "r")] == [(":serverless", None)]
    assert parse_cluster({"CacheNodes": [{}]}, "r") == bare


# -- serverless -------------------------------------------------------------------------------------------------------


def test_a_serverless_cache_is_two_endpoints_over_tls_and_does_not_shout() -> None:
    main, reader = parse_serverless(SERVERLESS, REGION)
    assert main == Cache(
        id="search:serverless",
        region=REGION,
        name="search",
        role=EndpointRole.SERVERLESS,
        engine="valkey",
        engine_version="8.0.1",
        status="available",
        endpoint=end("search.serverless"),
        tls=True,
        auth=CacheAuth.RBAC,
        subnet_ids=("subnet-1", "subnet-2"),
    )
    assert (reader.id, reader.role, reader.endpoint) == (
        "search:reader",
        EndpointRole.READER,
        end("search.serverless", 6380),
    )


@pytest.mark.parametrize("missing", sorted(SERVERLESS))
def test_any_member_of_a_serverless_cache_may_be_missing(missing: str) -> None:
    found = parse_serverless({key: value for key, value in SERVERLESS.items() if key != missing}, REGION)
    assert {row.tls for row in found} == {True}
    assert (found == parse_serverless(SERVERLESS, REGION)) is (missing == "MajorEngineVersion")


# -- ids and nodes ----------------------------------------------------------------------------------------------------


def test_a_group_a_cluster_and_a_serverless_cache_of_one_name_have_ids_of_their_own() -> None:
    same = [
        [GROUP, SHARDED | {"ReplicationGroupId": "pages"}],
        [cluster("pages", "memcached", ConfigurationEndpoint=at("cfg")), cluster("sessions", "redis")],
        [SERVERLESS | {"ServerlessCacheName": "sessions"}],
    ]
    assert ids(parse_caches(*same, region=REGION)) == [
        "sessions:primary",
        "sessions:reader",
        "pages:configuration",
        "pages:cluster:configuration",
        "sessions",
        "sessions:serverless",
        "sessions:serverless:reader",
    ]


def test_what_two_pages_list_twice_is_listed_once() -> None:
    entry = cluster("scratch", "redis")
    assert ids(parse_caches([GROUP, GROUP], [entry, entry], [SERVERLESS, SERVERLESS], region=REGION)) == [
        "sessions:primary",
        "sessions:reader",
        "scratch",
        "search:serverless",
        "search:reader",
    ]


def test_each_node_of_a_cache_is_a_cache_to_connect_to() -> None:
    (feed,) = parse_caches([SHARDED], SHARDS, [], region=REGION)
    first, second = each_node(feed)
    assert (first.id, second.id) == ("feed:feed-0001-001", "feed:feed-0002-001")
    assert (first.role, first.endpoint, first.nodes) == (EndpointRole.NODE, end("feed-0001-001.0001"), ())
    assert (first.name, first.tls, first.auth, first.subnet_group) == ("feed", True, CacheAuth.TOKEN, "main")
    assert each_node(cache(nodes=())) == ()
