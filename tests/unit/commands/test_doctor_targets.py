"""`doctor TARGET` of a database or a cache: the way there through a jump host, or why there is none, line by line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ec2menu.commands.doctor import Finding, _guarded, run_doctor
from ec2menu.config import Settings
from ec2menu.errors import AccessDenied, AwsError, Ec2MenuError, ExitStatus, NoJumpHost
from ec2menu.flows.jump import choose_via
from tests.fakes.plugin import install_plugin
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down
from tests.unit.flows.jump_seat import HERE, THERE, JumpAws, host
from tests.unit.resources.cache_entries import cluster
from tests.unit.resources.database_entries import INSTANCE

BILLING = "billing at billing.c1.us-east-1.rds.amazonaws.com:5433"


class StoreAws(JumpAws):
    """Also names the VPC of a subnet group, or raises the error for it."""

    vpc: str | Ec2MenuError = HERE

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        if operation != "DescribeCacheSubnetGroups":
            return super().call(service, operation, region, **parameters)
        if isinstance(self.vpc, Ec2MenuError):
            raise self.vpc
        return {"CacheSubnetGroups": [{"VpcId": self.vpc}]}


@pytest.fixture
def aws() -> StoreAws:
    """A database and a cache in a VPC where an online machine is no jump host."""
    canned = StoreAws()
    canned.add(machine("i-web1", "web-1", VpcId=HERE))
    canned.add_node("i-web1")
    canned.lists["DescribeDBInstances", ""] = [INSTANCE | {"DBSubnetGroup": {"VpcId": HERE}}]
    canned.lists["DescribeCacheClusters", ""] = [cluster("sessions")]
    return canned


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{install_plugin(tmp_path / 'bin').parent}:/usr/bin:/bin")


def add_jump_host(aws: StoreAws, *, vpc: str = HERE) -> None:
    aws.add(host("i-jump", "jump-1", vpc=vpc))
    aws.add_node("i-jump")


def examine(aws: CannedAws, folder: Path, target: str, **settings: Any) -> tuple[list[str], Desk, int]:
    """Return the lines about the target, the desk and the status; everything else must be fine."""
    desk = sit_down()
    context = context_at(desk, aws, folder)
    context.config = replace(context.config, settings=Settings(**settings))
    status = run_doctor(context, target)
    before, target_, lines = desk.data.partition("target: ")
    assert before.count("FAIL") == before.endswith("FAIL "), desk.data
    return (target_ + lines).splitlines(), desk, status


def diagnosis(aws: CannedAws, folder: Path, what: str, vpc_id: str = HERE) -> tuple[str, ...]:
    """Return what `connect` says where no jump host is found."""
    with pytest.raises(NoJumpHost) as caught:
        choose_via(context_at(sit_down(), aws, folder), region=REGION, vpc_id=vpc_id, what=what)
    return caught.value.diagnosis


@pytest.mark.parametrize(
    ("target", "where"), [("billing", BILLING), ("sessions:0001", "sessions:0001 at sessions.0001:6379")]
)
def test_a_database_and_a_cache_are_named_with_the_way_there(
    target: str, where: str, aws: StoreAws, tmp_path: Path
) -> None:
    add_jump_host(aws)
    lines, desk, status = examine(aws, tmp_path, target)
    assert lines == [f"target: {where} via jump-1 (i-jump)"]
    assert "ok   target" in desk.data
    assert (status, desk.notes) == (ExitStatus.DONE, "")


def test_what_is_not_sure_of_the_way_is_told_below_it(aws: StoreAws, tmp_path: Path) -> None:
    add_jump_host(aws, vpc=THERE)
    lines, _, status = examine(aws, tmp_path, "billing")
    assert lines == [
        f"target: {BILLING} via jump-1 (i-jump)",
        "     in another VPC (vpc-there): works only where the networks are connected",
    ]
    assert status == ExitStatus.DONE


@pytest.mark.parametrize("target", ["billing", "sessions:0001"])
def test_without_a_jump_host_the_lines_are_those_of_the_diagnosis(target: str, aws: StoreAws, tmp_path: Path) -> None:
    aws.add(host("i-jump", "jump-1", state="stopped"), host("i-near", "jump-2", tag="Jump-Host"))
    aws.add_node("i-near")
    lines, desk, status = examine(aws, tmp_path, target)
    told = diagnosis(aws, tmp_path, target)
    assert lines == [f"{lines[0]}", *(f"     {line}" for line in told)]
    assert lines[0].endswith(": no jump host")
    assert any("start it: aws ec2 start-instances" in line for line in told)
    assert any("web-1 (i-web1)" in line or "jump-2 (i-near)" in line for line in told)
    assert "FAIL target" in desk.data
    assert status == ExitStatus.TARGET_FAILED


def test_a_database_without_an_endpoint_fails_for_that(aws: StoreAws, tmp_path: Path) -> None:
    add_jump_host(aws)
    entry = {key: value for key, value in INSTANCE.items() if key != "Endpoint"}
    aws.lists["DescribeDBInstances", ""] = [entry | {"DBInstanceStatus": "creating"}]
    lines, _, status = examine(aws, tmp_path, "billing")
    assert lines[0] == ("target: cannot connect to billing: the database is creating and has no endpoint yet")
    assert lines[1].startswith("     wait until it is available")
    assert status == ExitStatus.TARGET_FAILED


def test_a_cache_whose_vpc_aws_does_not_tell_is_reached_through_any_jump_host(aws: StoreAws, tmp_path: Path) -> None:
    add_jump_host(aws, vpc=THERE)
    aws.vpc = AwsError("elasticache:DescribeCacheSubnetGroups is denied")
    lines, desk, status = examine(aws, tmp_path, "sessions:0001")
    assert lines[1:] == ["     the VPC of the target is unknown"]
    assert desk.notes == "! its VPC is not known: elasticache:DescribeCacheSubnetGroups is denied\n"
    assert status == ExitStatus.DONE


def test_where_machines_are_denied_that_is_what_is_missing(aws: StoreAws, tmp_path: Path) -> None:
    denied = AccessDenied("ec2:DescribeInstances is denied", hint="have it allowed", action="x")
    aws.lists["DescribeInstances", ""] = aws.lists["DescribeInstanceInformation", ""] = denied
    lines, _, status = examine(aws, tmp_path, "billing")
    assert lines == ["target: ec2:DescribeInstances is denied", "     have it allowed"]
    assert status == ExitStatus.AWS


def test_a_ca_file_that_is_not_there_is_told_before_a_client_stumbles_over_it(aws: StoreAws, tmp_path: Path) -> None:
    add_jump_host(aws)
    lines, _, status = examine(aws, tmp_path, "billing", rds_ca="/nope")
    assert lines == ["target: there is no file /nope with CA certificates", "     mend the setting rds_ca"]
    assert status == ExitStatus.USAGE


def test_an_error_with_a_diagnosis_is_shown_with_it(aws: StoreAws, tmp_path: Path) -> None:
    def check(_context: object) -> Finding:
        raise NoJumpHost("no jump host leads there", hint="add --via", diagnosis=("one is stopped", "\x1b[2J"))

    found = _guarded(context_at(sit_down(), aws, tmp_path), "target", check)
    assert (found.detail, found.hint) == ("no jump host leads there", "add --via")
    assert found.more == ("one is stopped", "\x1b[2J")
    assert found.status == ExitStatus.TARGET_FAILED
