"""The demo server itself: what it records, how it starts, stops and empties, the fleet, and its command line."""

import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from ec2menu.demo import fleet_data
from ec2menu.demo.account import ENABLED_REGIONS, OPT_IN_REGIONS
from ec2menu.demo.server import CONFLICTING_VARIABLES, DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import instances_in, refusal
from tests.ports import free_port


def names_in(answer: dict[str, Any]) -> list[str]:
    return [tag["Value"] for each in instances_in(answer) for tag in each.get("Tags", []) if tag["Key"] == "Name"]


def test_the_environment_leads_a_plain_boto3_client_here(aws_demo: DemoAws) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    ec2 = boto3.session.Session().client("ec2")
    (found,) = instances_in(ec2.describe_instances())
    ec2.close()
    assert found["InstanceId"] == made


def test_the_environment_works_for_a_child_process(aws_demo: DemoAws) -> None:
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    inherited = {name: value for name, value in os.environ.items() if name not in CONFLICTING_VARIABLES}
    child = subprocess.run(
        [sys.executable, "-c", program],
        env=inherited | aws_demo.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert child.stdout == "arn:aws:iam::123456789012:user/demo\n"


def test_the_caller_is_the_demo_user(aws_demo: DemoAws, client: Client) -> None:
    identity = client("sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/demo"


def test_an_assumed_role_may_call_with_its_temporary_keys(aws_demo: DemoAws, client: Client) -> None:
    given = client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/ops", RoleSessionName="me")["Credentials"]
    assumed = boto3.session.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name="us-east-1"
    ).client("sts", endpoint_url=aws_demo.endpoint_url)
    arn = assumed.get_caller_identity()["Arn"]
    assumed.close()
    assert arn == "arn:aws:sts::123456789012:assumed-role/ops/me"


def test_account_lists_regions_in_pages(aws_demo: DemoAws, client: Client) -> None:
    account = client("account")
    pages = account.get_paginator("list_regions").paginate(PaginationConfig={"PageSize": 10})
    found = {region["RegionName"]: region["RegionOptStatus"] for page in pages for region in page["Regions"]}
    assert set(found) == {*ENABLED_REGIONS, *OPT_IN_REGIONS}
    assert found["us-east-1"] == "ENABLED_BY_DEFAULT"
    assert found["me-south-1"] == "DISABLED"
    enabled = account.list_regions(RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"], MaxResults=50)
    assert {region["RegionName"] for region in enabled["Regions"]} == set(ENABLED_REGIONS)
    assert refusal(account.list_regions, MaxResults=51)[0] == "ValidationException"
    assert refusal(account.list_regions, NextToken="x")[0] == "ValidationException"


def test_every_call_is_recorded(aws_demo: DemoAws, client: Client) -> None:
    client("ec2", "eu-west-1").describe_instances(MaxResults=7)
    client("ssm").describe_instance_information(MaxResults=50)
    client("account").list_regions()
    ec2, ssm, account = aws_demo.calls
    assert (ec2.service, ec2.operation, ec2.region) == ("ec2", "DescribeInstances", "eu-west-1")
    assert ec2.parameters["MaxResults"] == "7"
    assert "Botocore" in ec2.user_agent
    assert (ssm.service, ssm.operation, ssm.region) == ("ssm", "DescribeInstanceInformation", "us-east-1")
    assert ssm.parameters == {"MaxResults": 50}
    assert (account.service, account.operation) == ("account", "ListRegions")
    assert aws_demo.calls_of("DescribeInstances", "us-east-1") == []


def test_reset_empties_everything(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    client("ssm").start_session(Target=made)
    aws_demo.faults.fail("DescribeInstances", times=5)
    aws_demo.reset()
    assert aws_demo.calls == ()
    assert aws_demo.sessions() == []
    assert client("ec2").describe_instances()["Reservations"] == []
    assert client("ssm").describe_instance_information()["InstanceInformationList"] == []


def test_regions_have_instances_of_their_own(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("us-east-1", 2)
    aws_demo.add_instances("eu-west-1", 3)
    counts = {
        region: len(instances_in(client("ec2", region).describe_instances()))
        for region in ("us-east-1", "eu-west-1", "sa-east-1")
    }
    assert counts == {"us-east-1": 2, "eu-west-1": 3, "sa-east-1": 0}


def test_many_threads_may_ask_at_once(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_instances("us-east-1", 30)
    clients = [client("ssm"), client("ec2")]

    def ask(number: int) -> int:
        if number % 2:
            return len(instances_in(clients[1].describe_instances(MaxResults=1000)))
        return len(clients[0].describe_instance_information(MaxResults=50)["InstanceInformationList"])

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(64))) == {len(made)}


def test_a_connection_is_kept_for_the_next_request(aws_demo: DemoAws) -> None:
    address = urlsplit(aws_demo.endpoint_url)
    connection = HTTPConnection(address.hostname or "", address.port)
    connection.request("POST", "/", body=b"")
    first = connection.getresponse()
    first.read()
    kept = connection.sock
    connection.request("POST", "/", body=b"")
    second = connection.getresponse()
    second.read()
    assert first.version == 11
    assert connection.sock is kept
    connection.close()


def test_only_the_loopback_is_served(aws_demo: DemoAws) -> None:
    assert aws_demo.endpoint_url.startswith("http://127.0.0.1:")


def test_a_second_server_shows_the_same_account(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("us-east-1", 1)
    with DemoAws() as second:
        assert second.endpoint_url != aws_demo.endpoint_url
        ec2 = boto3.session.Session().client("ec2", endpoint_url=second.endpoint_url)
        found = instances_in(ec2.describe_instances())
        ec2.close()
    assert len(found) == 1
    assert second.calls_of("DescribeInstances")
    assert aws_demo.calls == ()
    assert instances_in(client("ec2").describe_instances()) == found


def test_a_stopped_server_drops_its_connections_and_frees_its_port() -> None:
    server = DemoAws(port=free_port())
    server.start()
    address = urlsplit(server.endpoint_url)
    with socket.create_connection((address.hostname, address.port)) as waiting:
        # A request first: only then has the server surely taken the connection over.
        waiting.sendall(b"POST / HTTP/1.1\r\nHost: demo\r\nContent-Length: 0\r\n\r\n")
        assert waiting.recv(4096)
        server.stop()
        assert waiting.recv(1) == b""
    with pytest.raises(RuntimeError):
        assert server.endpoint_url
    again = DemoAws(port=address.port or 0)
    again.start()
    again.stop()


def test_a_port_that_is_taken_is_an_error(aws_demo: DemoAws) -> None:
    taken = urlsplit(aws_demo.endpoint_url).port or 0
    with pytest.raises(OSError, match="in use"):
        DemoAws(port=taken).start()


def test_what_moto_lacks_is_an_error_and_not_a_stack_trace(aws_demo: DemoAws, client: Client) -> None:
    code, text = refusal(client("ssm").describe_patch_groups)
    assert code == "NotImplemented"
    assert "describe_patch_groups" in text


def test_the_fleet_has_what_hurts(aws_demo: DemoAws, client: Client) -> None:
    told: list[str] = []
    aws_demo.seed_fleet(told.append)
    names = {region: names_in(client("ec2", region).describe_instances()) for region in fleet_data.FLEET}
    assert {region: len(rows) for region, rows in fleet_data.FLEET.items()} == {
        "us-east-1": 34,
        "ap-northeast-2": 20,
        "eu-west-1": 10,
    }
    assert {"결제-api-1", "운영-배치-서버", "👩‍💻 dev-box", "report\nrunner"} <= set(names["ap-northeast-2"])
    assert {"🚀 deploy-runner", "alert-\x9b31mred\x9b0m-1"} <= set(names["us-east-1"])
    assert names["us-east-1"].count("gitlab-runner") == 2
    assert len(names["us-east-1"]) == 33
    assert max(len(name) for name in names["eu-west-1"]) == 255
    assert any("\u202e" in name for name in names["eu-west-1"])
    assert any("us-east-1" in line for line in told)


def test_every_region_of_the_fleet_has_one_reachable_jump_host_and_near_misses(
    aws_demo: DemoAws, client: Client
) -> None:
    aws_demo.seed_fleet()
    for region in fleet_data.FLEET:
        right = [{"Name": "tag:Role", "Values": ["jumphost"]}, {"Name": "instance-state-name", "Values": ["running"]}]
        hosts = {each["InstanceId"] for each in instances_in(client("ec2", region).describe_instances(Filters=right))}
        filters = [{"Key": "PingStatus", "Values": ["Online"]}]
        pages = client("ssm", region).get_paginator("describe_instance_information").paginate(Filters=filters)
        online = {node["InstanceId"] for page in pages for node in page["InstanceInformationList"]}
        assert hosts & online
        near = [{"Name": "tag-key", "Values": ["Role", "role"]}]
        assert len(instances_in(client("ec2", region).describe_instances(Filters=near))) > len(hosts)


def test_the_fleet_stands_in_three_networks_and_three_zones_with_plausible_addresses(
    aws_demo: DemoAws, client: Client
) -> None:
    aws_demo.seed_fleet()
    found = instances_in(client("ec2").describe_instances())
    live = [each for each in found if each["State"]["Name"] != "terminated"]
    assert len({each["VpcId"] for each in live}) == 3
    assert {each["Placement"]["AvailabilityZone"][-1] for each in live} == {"a", "b", "c"}
    assert all(each["PrivateIpAddress"].startswith(("10.20.", "10.64.", "10.96.")) for each in live)
    assert len({each["PrivateIpAddress"] for each in live}) == len(live)
    assert {each["State"]["Name"] for each in found} == {"running", "stopped", "pending", "terminated"}
    ages = [max(e["LaunchTime"] for e in found) - each["LaunchTime"] for each in found]
    assert max(ages).days > 5 * 365
    assert any(age.total_seconds() < 3600 for age in ages[1:])


def test_the_fleet_has_the_same_ids_every_time(aws_demo: DemoAws, client: Client) -> None:
    seen = []
    for _ in range(2):
        aws_demo.reset()
        aws_demo.seed_fleet()
        nodes = client("ssm").describe_instance_information(MaxResults=50)["InstanceInformationList"]
        seen.append([node["InstanceId"] for node in nodes])
    assert seen[0] == seen[1]
    assert any(node_id.startswith("mi-") for node_id in seen[0])


def test_the_fleet_has_databases_caches_and_containers(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.seed_fleet()
    for region in ("us-east-1", "ap-northeast-2"):
        assert client("rds", region).describe_db_instances()["DBInstances"]
        assert client("elasticache", region).describe_replication_groups()["ReplicationGroups"]
        assert client("ecs", region).list_clusters()["clusterArns"]


def test_the_command_line_serves_until_it_is_told_to_stop(tmp_path: Any) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ec2menu.demo", "--instances", "3", "--region", "eu-west-1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as served:
        assert served.stdout is not None
        assert served.stderr is not None
        assert served.stderr.readline() == "Ctrl-C stops it\n"
        served.send_signal(2)
        out, errors = served.communicate(timeout=30)
    exports = dict(re.findall(r"^export (\w+)=(\S+)$", out, flags=re.MULTILINE))
    assert exports["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert out.startswith("unset AWS_PROFILE ")
    assert errors == ""
    assert served.returncode == 0


def test_the_command_line_refuses_a_region_without_instances() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ec2menu.demo", "--region", "eu-west-1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "--region goes with --instances" in ended.stderr
