"""Planning a batch: who is sent to and how, who is skipped and why, and when the number has to be typed."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.batch.describe import describe_plan, plan_record, worst_seconds
from ec2menu.batch.nouns import BatchPlan, CommandSpec, Limits, TagChoice
from ec2menu.batch.plan import make_plan, make_tag_plan, needs_count_confirmation, sensitive_targets
from ec2menu.errors import InvalidInput
from ec2menu.models import Instance, ManagedNode, PingStatus, SsmStatus

REGION = "us-east-1"
ONLINE, LOST = PingStatus.ONLINE, PingStatus.CONNECTION_LOST


def machine(
    number: int, *, region: str = REGION, ping: PingStatus | None = ONLINE, platform: str = "Linux", **more: Any
) -> Instance:
    instance_id = more.pop("id", f"i-{number:017x}")
    node = ManagedNode(id=instance_id, region=region, ping=ping, platform_type=platform) if ping else None
    return Instance(
        **{"id": instance_id, "region": region, "name": f"web-{number}", "state": "running", "node": node} | more
    )


def machines_of(*pings: PingStatus | None) -> st.SearchStrategy[Instance]:
    return st.builds(
        machine,
        st.integers(0, 400),
        region=st.sampled_from([REGION, "eu-west-1"]),
        ping=st.sampled_from(pings),
        platform=st.sampled_from(["Linux", "Windows", "MacOS"]),
    )


def explain(instance: Instance) -> tuple[str, str]:
    if instance.ssm_status is SsmStatus.CONNECTION_LOST:
        return f"its SSM Agent has been offline for {instance.name.removeprefix('web-')}d", "reboot it"
    return f"the instance is {instance.ssm_status}", f"start {instance.id}"


def plan_of(*machines: Instance, lines: tuple[str, ...] = ("uptime",), **limits: Any) -> BatchPlan:
    return make_plan(CommandSpec(lines=lines), machines, limits=Limits(**limits), run_id="run-1", explain=explain)


def told(plan: BatchPlan, expected: int = 0) -> str:
    return "\n".join(text for text, _ in describe_plan(plan, expected=expected))


def test_each_platform_gets_its_own_document_and_macos_the_shell() -> None:
    plan = plan_of(machine(1), machine(2, platform="Windows"), machine(3, platform="MacOS"))
    assert [(chunk.document, [target.name for target in chunk.targets]) for chunk in plan.chunks] == [
        ("AWS-RunShellScript", ["web-1", "web-3"]),
        ("AWS-RunPowerShellScript", ["web-2"]),
    ]


def test_a_hybrid_node_works_like_all_others() -> None:
    plan = plan_of(machine(1, id="mi-0123456789abcdef0", state="", platform="Windows"))
    assert plan.targets[0].id == "mi-0123456789abcdef0"
    assert plan.chunks[0].document == "AWS-RunPowerShellScript"


def test_a_machine_that_was_chosen_twice_is_sent_to_once() -> None:
    assert len(plan_of(machine(1), machine(2), machine(1)).targets) == 2


def test_who_cannot_be_reached_is_skipped_with_the_reason_and_what_to_do() -> None:
    plan = plan_of(
        machine(1, state="stopped", ping=None),
        machine(2, ping=None),
        machine(3, ping=LOST),
        machine(4, state="terminated"),
        machine(5, ping=PingStatus.INACTIVE),
        machine(6, ping=None, ssm_known=False),
    )
    assert plan.targets == ()
    assert [(skip.target.name, skip.reason, skip.hint) for skip in plan.skipped] == [
        ("web-1", "the instance is not running", "start i-00000000000000001"),
        ("web-2", "the instance is not managed", "start i-00000000000000002"),
        ("web-3", "its SSM Agent has been offline for 3d", "reboot it"),
        ("web-4", "the instance is not running", "start i-00000000000000004"),
        ("web-5", "the instance is Inactive", "start i-00000000000000005"),
        ("web-6", "SSM could not be asked about it", "ec2menu doctor says what is missing"),
    ]


@given(
    st.lists(
        machines_of(ONLINE, LOST, None),
        max_size=250,
    )
)
def test_every_machine_is_in_one_command_or_skipped_and_no_command_is_too_large(machines: list[Instance]) -> None:
    plan = plan_of(*machines)
    planned = Counter((target.region, target.id) for target in plan.targets)
    skipped = Counter((skip.target.region, skip.target.id) for skip in plan.skipped)
    assert set(planned | skipped) == {(each.region, each.id) for each in machines}
    assert (planned + skipped).total() == len(planned | skipped)
    sizes: dict[tuple[str, str], list[int]] = {}
    for chunk in plan.chunks:
        assert 1 <= len(chunk.targets) <= 50
        assert {target.region for target in chunk.targets} == {chunk.region}
        sizes.setdefault((chunk.region, chunk.document), []).append(len(chunk.targets))
    for each in sizes.values():
        assert len(each) == -(-sum(each) // 50)
        assert max(each) - min(each) <= 1


def test_the_order_of_the_choice_is_kept() -> None:
    plan = plan_of(*(machine(number) for number in range(100, 0, -1)))
    assert [target.name for target in plan.targets] == [f"web-{number}" for number in range(100, 0, -1)]
    assert [len(chunk.targets) for chunk in plan.chunks] == [50, 50]


def test_a_command_that_cannot_be_is_refused_before_there_is_a_plan() -> None:
    with pytest.raises(InvalidInput, match="no command"):
        plan_of(machine(1), lines=(" ",))
    with pytest.raises(InvalidInput, match="concurrency of 0"):
        plan_of(machine(1), concurrency=0)


def tag_plan(*nodes: Instance) -> BatchPlan:
    spec, tag = CommandSpec(lines=("uptime",)), TagChoice(key="Role", value="web")
    return make_tag_plan(spec, tag, nodes, limits=Limits(), run_id="run-1", explain=explain)


def test_a_tag_is_one_command_per_region_whose_nodes_ssm_chooses() -> None:
    tag = TagChoice(key="Role", value="web")
    plan = tag_plan(machine(1), machine(2, ping=LOST), machine(4, region="eu-west-1", platform="Windows"))
    assert [chunk.expected for chunk in plan.chunks] == [2, 1]
    assert [(chunk.region, chunk.document, chunk.tag, chunk.targets) for chunk in plan.chunks] == [
        (REGION, "AWS-RunShellScript", tag, ()),
        ("eu-west-1", "AWS-RunPowerShellScript", tag, ()),
    ]
    assert plan.skipped == ()
    assert told(plan, 3).splitlines()[:5] == [
        "run on 3 nodes",
        "  | uptime",
        "  us-east-1 AWS-RunShellScript: nodes with tag:Role=web",
        "  eu-west-1 AWS-RunPowerShellScript: nodes with tag:Role=web",
        "  SSM chooses the nodes with the tag when it runs",
    ]


def test_where_a_tag_is_on_two_platforms_windows_is_sent_to_by_id() -> None:
    plan = tag_plan(
        machine(1),
        machine(2, platform="Windows"),
        machine(3, ping=LOST, platform="Windows"),
        machine(4, ping=LOST),
        machine(5, region="eu-west-1"),
    )
    assert [(chunk.region, chunk.document, chunk.tag is not None) for chunk in plan.chunks] == [
        (REGION, "AWS-RunShellScript", True),
        ("eu-west-1", "AWS-RunShellScript", True),
        (REGION, "AWS-RunPowerShellScript", False),
    ]
    assert [target.name for target in plan.targets] == ["web-2"]
    assert ([chunk.expected for chunk in plan.chunks], plan.expected) == ([2, 1, 0], 4)
    assert [skip.target.name for skip in plan.skipped] == ["web-3"]
    assert "Windows nodes get it by id" in plan.warnings[0]
    assert "  us-east-1 AWS-RunPowerShellScript: 1 node\n" in told(plan, 4)


@given(
    st.lists(
        machines_of(ONLINE, LOST),
        min_size=1,
        max_size=40,
        unique_by=lambda each: (each.region, each.id),
    )
)
def test_by_a_tag_no_node_can_be_reached_by_two_documents(nodes: list[Instance]) -> None:
    plan = tag_plan(*nodes)
    by_id = {(target.region, target.id) for target in plan.targets} | {
        (skip.target.region, skip.target.id) for skip in plan.skipped
    }
    for node in nodes:
        is_windows = node.node is not None and node.node.platform_type == "Windows"
        by_tag = {chunk.document for chunk in plan.chunks if chunk.region == node.region and chunk.tag}
        assert len(by_tag) == 1
        # PowerShell's document runs on every platform, the shell's is refused on Windows.
        runs_by_tag = by_tag == {"AWS-RunPowerShellScript"} or not is_windows
        assert runs_by_tag != ((node.region, node.id) in by_id)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("prod", True),
        ("PROD", True),
        ("Production", True),
        ("eu-prod-2", True),
        ("prod2", True),
        ("api_prod", True),
        ("product-images", False),
        ("reprod", False),
        ("non-prod", False),
        ("nonprod", False),
        ("dev", False),
        ("", False),
    ],
)
def test_a_tag_that_says_prod_makes_a_machine_sensitive(value: str, found: bool) -> None:
    assert bool(sensitive_targets([machine(1, tags={"Env": value})], "prod")) is found


def test_the_word_is_the_users_own_and_none_asks_for_nothing() -> None:
    korean = [machine(1, tags={"Env": "운영"}), machine(2, tags={"Env": "운영팀"}), machine(3, tags={"Env": "prod"})]
    assert [each.name for each in sensitive_targets(korean, "운영")] == ["web-1"]
    assert sensitive_targets(korean, " ") == ()
    assert sensitive_targets([machine(1, tags={"Env": "a.b"})], "a.b")
    assert not sensitive_targets([machine(1, tags={"Env": "axb"})], "a.b")


@pytest.mark.parametrize(
    ("count", "is_sensitive", "needed"), [(20, False, False), (21, False, True), (1, True, True), (0, True, False)]
)
def test_the_number_is_asked_for_above_a_limit_and_where_a_tag_is_sensitive(
    count: int, is_sensitive: bool, needed: bool
) -> None:
    assert needs_count_confirmation(count, above=20, is_sensitive=is_sensitive) is needed


def test_a_plan_says_how_many_where_and_how_and_folds_who_is_skipped() -> None:
    machines = [machine(number) for number in range(1, 61)]
    machines += [
        machine(61, platform="Windows"),
        machine(70, ping=LOST),
        machine(71, ping=LOST),
        machine(80, ping=None),
    ]
    plan = plan_of(*machines, lines=("echo 1", "exit 194"), concurrency=7, retries=0, max_errors="10%")
    assert told(plan).splitlines() == [
        "run on 61 nodes",
        "  | echo 1",
        "  | exit 194",
        "  us-east-1 AWS-RunShellScript: 60 nodes",
        "  us-east-1 AWS-RunPowerShellScript: 1 node",
        "  nodes: web-[1-61]",
        "  2 skipped, its SSM Agent has been offline: web-[70-71]",
        "  1 skipped, the instance is not managed: web-80",
        "  at most 7 at a time · stops after more than 10% errors · no retries",
        "  timeouts: 2 min 0 s to run, 1 min 0 s to reach it · at worst 19 min 0 s",
        "! exit 194 makes the SSM Agent reboot the node and run the script again (Linux)",
    ]


def test_a_long_script_is_shown_in_part_and_the_rest_counted() -> None:
    lines = told(plan_of(machine(1), lines=tuple(f"echo {number}" for number in range(9)))).splitlines()
    assert lines[1:9] == [*(f"  | echo {number}" for number in range(7)), "  … and 2 more lines"]
    assert "  | echo 7" in told(plan_of(machine(1), lines=tuple(f"echo {number}" for number in range(8))))


@pytest.mark.parametrize(("count", "concurrency", "seconds"), [(0, 5, 0), (1, 5, 180), (5, 5, 180), (6, 5, 300)])
def test_the_worst_time_is_whole_rounds_and_one_late_delivery(count: int, concurrency: int, seconds: int) -> None:
    plan = plan_of(*(machine(number) for number in range(count)), concurrency=concurrency)
    assert worst_seconds(plan, count) == seconds


def test_a_plan_for_programs_has_one_entry_per_region_and_document() -> None:
    record = plan_record(plan_of(*(machine(number) for number in range(120))))
    assert [len(each["targets"]) for each in record["commands"]] == [120]


def test_a_plan_for_programs_holds_the_same() -> None:
    record = plan_record(plan_of(machine(1), machine(2, ping=None)))
    assert record["command"] == ["uptime"]
    assert record["commands"][0]["targets"] == [{"id": "i-00000000000000001", "name": "web-1"}]
    assert record["skipped"][0]["reason"] == "the instance is not managed"
