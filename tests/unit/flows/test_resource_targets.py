"""TARGET over all kinds of resources: a whole id, a name, or a unique part; several are listed, never guessed."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ec2menu.errors import AccessDenied, AwsError, ExitStatus, LoginExpired, TargetUnclear
from ec2menu.flows.targets import OTHERS_SECONDS, Resource, find_resource, find_target
from ec2menu.models import Cache, Container, Database, EndpointRole, Instance
from ec2menu.resources.ecs_parse import empty_row
from ec2menu.resources.kinds import CACHE, EC2, ECS
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down
from tests.unit.resources.cache_entries import GROUP, MEMBERS, cache, cluster
from tests.unit.resources.database_entries import CLUSTER, INSTANCE, database, member

OTHER = "eu-west-1"
NODE = "i-0123456789abcdef0"
MEMBERS_OF_ORDERS = [
    member(name, Endpoint={"Address": f"{name}.c1", "Port": 5433}) for name in ("orders-1", "orders-2")
]
LISTS = {
    "ec2": ("DescribeInstances", "DescribeInstanceInformation"),
    "rds": ("DescribeDBInstances", "DescribeDBClusters"),
    "cache": ("DescribeReplicationGroups", "DescribeCacheClusters", "DescribeServerlessCaches"),
    "ecs": ("ListClusters",),
}
DENIED = {kind: AccessDenied(f"{kind} is denied", hint="have it allowed", action="x:Y") for kind in LISTS}


@pytest.fixture
def aws() -> CannedAws:
    """A region with web-1, the database billing, the cluster orders of two and the cache sessions."""
    canned = CannedAws()
    canned.add(machine(NODE, "web-1"), region=REGION)
    canned.lists |= {
        ("DescribeDBInstances", REGION): [INSTANCE, *MEMBERS_OF_ORDERS],
        ("DescribeDBClusters", REGION): [CLUSTER],
        ("DescribeReplicationGroups", REGION): [GROUP],
        ("DescribeCacheClusters", REGION): list(MEMBERS),
    }
    return canned


@pytest.fixture
def desk() -> Desk:
    return sit_down()


def deny(aws: CannedAws, *kinds: str) -> None:
    for kind in kinds:
        aws.lists |= {(operation, REGION): DENIED[kind] for operation in LISTS[kind]}


def find(aws: CannedAws, desk: Desk, folder: Path, target: str, *, regions: Sequence[str] = (REGION,)) -> Resource:
    return find_resource(context_at(desk, aws, folder), target, regions)


def refusal(aws: CannedAws, desk: Desk, folder: Path, target: str, **how: Any) -> TargetUnclear:
    with pytest.raises(TargetUnclear) as caught:
        find(aws, desk, folder, target, **how)
    return caught.value


# -- one --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "kind", "found"),
    [
        (NODE, Instance, NODE),
        ("web-1", Instance, NODE),
        ("eb-", Instance, NODE),
        ("billing", Database, "billing"),
        ("BILL", Database, "billing"),
        ("orders:writer", Database, "orders:writer"),
        ("orders:reports", Database, "orders:reports"),
        ("ders:rea", Database, "orders:reader"),
        ("orders.cluster-c1.us-east-1.rds.amazonaws.com", Database, "orders:writer"),
        ("sessions:primary", Cache, "sessions:primary"),
        ("sess", Cache, "sessions:primary"),
    ],
)
def test_a_resource_of_any_kind_is_found_by_id_name_endpoint_or_a_unique_part(
    target: str, kind: type[Resource], found: str, aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    aws.lists["DescribeReplicationGroups", REGION] = [
        GROUP | {"NodeGroups": [{"PrimaryEndpoint": {"Address": "h", "Port": 1}}]}
    ]
    item = find(aws, desk, tmp_path, target)
    assert (type(item), item.id) == (kind, found)
    assert (desk.data, desk.notes) == ("", "")


def test_an_instance_that_is_folded_under_its_cluster_is_found_by_its_id(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    item = find(aws, desk, tmp_path, "orders-2")
    assert isinstance(item, Database)
    assert item.endpoint is not None
    assert (item.role, item.name, item.endpoint.port) == (EndpointRole.INSTANCE, "orders-2", 5433)
    assert (item.engine, item.username, item.secret_arn) == ("aurora-postgresql", "admin", "arn:cluster-secret")
    assert item.members == ()


def test_a_node_of_a_cache_is_found_by_its_whole_id_only(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    item = find(aws, desk, tmp_path, "sessions:sessions-002")
    assert isinstance(item, Cache)
    assert item.endpoint is not None
    assert (item.role, item.endpoint.host, item.tls) == (EndpointRole.NODE, "read-2", True)
    error = refusal(aws, desk, tmp_path, "sessions")
    assert [line.split()[0] for line in error.matches] == ["sessions:primary", "sessions:reader"]
    assert refusal(aws, desk, tmp_path, "sessions-002").message.startswith("nothing")


def test_what_is_written_like_the_id_of_a_node_is_looked_for_among_machines_only(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    assert find(aws, desk, tmp_path, NODE).id == NODE
    assert {operation for operation, _ in aws.asked} == set(LISTS["ec2"])
    assert refusal(aws, desk, tmp_path, "mi-0123456789abcdef0").message.startswith("nothing in us-east-1")


@pytest.mark.parametrize("target", ["i-web", "i-12", f"{NODE}x"])
def test_what_only_begins_like_the_id_of_a_node_is_looked_for_everywhere(
    target: str, aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    aws.lists["DescribeDBInstances", REGION] = [INSTANCE | {"DBInstanceIdentifier": target}]
    assert isinstance(find(aws, desk, tmp_path, target), Database)


# -- several ----------------------------------------------------------------------------------------------------------


def test_several_of_different_kinds_are_listed_and_refused(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    aws.add(machine("i-0aaaaaaaaaaaaaaaa", "orders-web"), region=REGION)
    aws.lists["DescribeCacheClusters", REGION] = [cluster("orders-cache")]
    error = refusal(aws, desk, tmp_path, "rders-")
    assert error.message == "4 resources are called like rders-"
    assert error.hint == "use one of these ids"
    assert error.matches == (
        "orders-1  us-east-1  aurora-postgresql  instance  available",
        "orders-2  us-east-1  aurora-postgresql  instance  available",
        "orders-cache  us-east-1  valkey  node  available",
        "i-0aaaaaaaaaaaaaaaa  us-east-1  running  orders-web",
    )


def test_the_name_of_a_cluster_names_all_its_endpoints_and_none_is_preferred(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    error = refusal(aws, desk, tmp_path, "orders")
    ids = [line.split()[0] for line in error.matches]
    assert ids == ["orders:reader", "orders:reports", "orders:writer"]


def test_the_same_id_in_two_regions_is_refused_and_the_region_asked_for(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    aws.lists["DescribeDBInstances", OTHER] = [INSTANCE]
    error = refusal(aws, desk, tmp_path, "billing", regions=(REGION, OTHER))
    assert [line.split()[:2] for line in error.matches] == [["billing", OTHER], ["billing", REGION]]
    assert error.hint == "add -r and the region of the one that is meant"
    assert find(aws, desk, tmp_path, "billing", regions=(OTHER,)).region == OTHER


def test_a_database_and_a_cache_of_the_same_id_are_told_apart_by_their_hosts(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    aws.lists["DescribeCacheClusters", REGION] = [cluster("billing")]
    error = refusal(aws, desk, tmp_path, "billing")
    assert error.matches == (
        "billing  us-east-1  postgres  instance  available  billing.c1.us-east-1.rds.amazonaws.com",
        "billing  us-east-1  valkey  node  available  billing.0001",
    )
    assert error.hint == "use the host name of the one that is meant"
    assert isinstance(find(aws, desk, tmp_path, "billing.0001"), Cache)


def test_nothing_of_that_name_says_where_was_looked(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    error = refusal(aws, desk, tmp_path, "nobody", regions=(REGION, OTHER))
    assert error.message == "nothing in us-east-1, eu-west-1 is called nobody"
    assert error.hint == "list them with: ec2menu ls KIND"


def test_a_whole_id_is_what_it_is_whatever_is_called_alike() -> None:
    named = Instance(id="i-1", region=REGION, name="billing")
    items: list[Resource] = [named, database(), cache(id="billing:2", name="billing")]
    assert find_target("billing", items, where=REGION) is items[1]


# -- containers -------------------------------------------------------------------------------------------------------


def container(name: str, task: str, service: str = "web") -> Container:
    return Container(
        id=f"shop/{task}/{name}", region=REGION, cluster="shop", service=service, task_id=task, name=name, status="X"
    )


APP, ENVOY, JOB = container("app", "1a2b"), container("envoy", "1a2b"), container("run", "3c4d", "")
EMPTY_CLUSTER, EMPTY_SERVICE = empty_row(REGION, "idle"), empty_row(REGION, "shop", "admin")
CONTAINERS: list[Resource] = [APP, ENVOY, JOB, EMPTY_CLUSTER, EMPTY_SERVICE]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("shop/1a2b/app", APP),
        ("app", APP),
        ("envoy", ENVOY),
        ("3c4d", JOB),
        ("3C", JOB),
        (EMPTY_CLUSTER.id, EMPTY_CLUSTER),
        (EMPTY_SERVICE.id, EMPTY_SERVICE),
    ],
)
def test_a_container_is_found_by_its_id_its_name_or_its_task(target: str, found: Container) -> None:
    assert find_target(target, CONTAINERS, where=REGION) is found


@pytest.mark.parametrize("target", ["web", "1a2b"])
def test_a_service_or_a_task_of_several_containers_is_refused_with_all_of_them(target: str) -> None:
    with pytest.raises(TargetUnclear) as caught:
        find_target(target, CONTAINERS, where=REGION)
    assert caught.value.matches == (
        "shop/1a2b/app  us-east-1  container  web  X",
        "shop/1a2b/envoy  us-east-1  container  web  X",
    )


@pytest.mark.parametrize(
    ("target", "found"), [("admin", EMPTY_SERVICE), ("ADMIN", EMPTY_SERVICE), ("Idle", EMPTY_CLUSTER)]
)
def test_a_service_without_tasks_is_found_by_its_name_and_not_by_its_clusters(target: str, found: Container) -> None:
    assert find_target(target, CONTAINERS, where=REGION) is found
    with pytest.raises(TargetUnclear, match="nothing in us-east-1 is called shop"):
        find_target("shop", [EMPTY_SERVICE, EMPTY_CLUSTER], where=REGION)


def test_an_empty_cluster_does_not_hide_what_else_has_its_name() -> None:
    same, longer = (Instance(id=f"i-{name}", region=REGION, name=name) for name in ("idle", "idle-1"))
    items: list[Resource] = [EMPTY_CLUSTER, same, longer]
    assert find_target("idle", items, where=REGION) is same
    items.remove(same)
    assert find_target("idle", items, where=REGION) is EMPTY_CLUSTER


# -- what cannot be listed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rds", "cache", "ecs"])
def test_a_denied_kind_is_one_line_beside_what_a_name_finds_in_the_others(
    kind: str, aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    deny(aws, kind)
    assert find(aws, desk, tmp_path, "web-1").id == NODE
    title = {"rds": "RDS databases", "cache": "ElastiCache caches", "ecs": "ECS containers"}[kind]
    assert desk.notes == f"! the name was not looked for among {title}\n"


def test_several_denied_kinds_are_one_line_too(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    deny(aws, "rds", "cache", "ecs")
    assert find(aws, desk, tmp_path, "web-1").id == NODE
    expected = "! the name was not looked for among RDS databases, ElastiCache caches, ECS containers\n"
    assert desk.notes == expected


def test_a_machine_of_that_very_name_does_not_wait_long_for_a_list_that_hangs(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    held = threading.Event()
    listed = aws.list_all
    context = context_at(desk, aws, tmp_path)

    def have_others_landed() -> bool:
        views = (context.inventory.view(kind, (REGION,), fetch=False) for kind in (EC2, CACHE, ECS))
        return not any(view.asking for view in views)

    def hang(service: str, *arguments: Any, **more: Any) -> Any:
        if service == "rds":
            while not held.wait(0.01):
                if have_others_landed():
                    desk.clock.advance(OTHERS_SECONDS / 10)
        return listed(service, *arguments, **more)

    aws.list_all = hang  # type: ignore[method-assign]
    found = find_resource(context, "web-1", (REGION,))
    assert isinstance(found, Instance)
    assert found.id == NODE
    held.set()
    assert desk.notes == "! the name was not looked for among RDS databases\n"


def test_a_denied_kind_is_told_where_nothing_was_found_because_it_may_be_there(
    aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    deny(aws, "cache", "ecs")
    with pytest.raises(AwsError, match="nobody is not in what could be listed") as caught:
        find(aws, desk, tmp_path, "nobody")
    assert caught.value.status == ExitStatus.AWS, "2 would say that the name is wrong"
    assert desk.notes.splitlines() == [f"! us-east-1: {kind} is denied (have it allowed)" for kind in ("cache", "ecs")]


def test_a_whole_id_is_tried_where_nobody_may_look_it_up(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    deny(aws, "ec2")
    aws.lists["DescribeInstanceInformation", REGION] = DENIED["ec2"]
    found = find(aws, desk, tmp_path, "i-0123456789abcdef0")
    assert isinstance(found, Instance)
    assert (found.id, found.region, found.is_connectable) == ("i-0123456789abcdef0", REGION, True)
    assert desk.notes.startswith("! ec2 is denied")
    with pytest.raises(AwsError, match="is not in what could be listed"):
        find(aws, desk, tmp_path, "i-0123456789abcdef0", regions=(REGION, "eu-west-1"))


def test_a_denied_kind_is_not_worth_a_word_beside_a_whole_id(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    deny(aws, "ec2", "cache", "ecs")
    assert find(aws, desk, tmp_path, "billing").id == "billing"
    assert desk.notes == ""


def test_a_region_that_is_denied_is_a_line_beside_the_others(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    deny(aws, "rds")
    aws.lists["DescribeDBInstances", OTHER] = [INSTANCE | {"DBInstanceIdentifier": "books"}]
    assert find(aws, desk, tmp_path, "book", regions=(REGION, OTHER)).id == "books"
    assert desk.notes == "! us-east-1: rds is denied (have it allowed)\n"


def test_all_kinds_denied_is_the_error_of_the_first(aws: CannedAws, desk: Desk, tmp_path: Path) -> None:
    deny(aws, *LISTS)
    with pytest.raises(AccessDenied, match="ec2 is denied"):
        find(aws, desk, tmp_path, "billing")
    assert desk.notes == ""


@pytest.mark.parametrize("operation", ["DescribeDBClusters", "ListClusters"])
def test_a_login_that_is_over_is_an_error_in_whichever_list_it_shows(
    operation: str, aws: CannedAws, desk: Desk, tmp_path: Path
) -> None:
    aws.lists[operation, REGION] = LoginExpired("the login ran out", hint="type: aws sso login")
    with pytest.raises(LoginExpired):
        find(aws, desk, tmp_path, "web-1")
