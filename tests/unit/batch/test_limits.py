"""What a batch may be: each limit is met from both sides, and refused in a sentence."""

from typing import Any

import pytest

from ec2menu.batch.limits import MAX_COMMAND_BYTES, check_limits, check_spec, command_bytes, read_tag, split_s3
from ec2menu.batch.nouns import CommandSpec, Limits, TagChoice
from ec2menu.errors import ExitStatus, InvalidInput


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("execution_seconds", (5, 172_800), (4, 172_801, -1)),
        ("delivery_seconds", (30, 2_592_000), (29, 2_592_001)),
        ("lines", (("a",), ("", "a", "")), ((), ("",), (" ", "\t"), ("a\0b",), ("\udcff",))),
        ("output_s3", ("", "bucket", "my-bucket.logs/a/b", "s3://bucket/x/"), ("ab", "Bad", "a..b", "b" * 64, "-ab")),
    ],
)
def test_a_spec_within_the_limits_passes_and_one_beyond_is_refused(
    field: str, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    for value in good:
        check_spec(CommandSpec(**{"lines": ("uptime",), field: value}))
    for value in bad:
        with pytest.raises(InvalidInput) as caught:
            check_spec(CommandSpec(**{"lines": ("uptime",), field: value}))
        assert caught.value.status == ExitStatus.USAGE


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("concurrency", (1, 1000), (0, 1001, -5)),
        ("retries", (0, 10), (-1, 11)),
        ("max_errors", ("", "0", "3", "0%", "100%"), ("101%", "-1", "3 %", "many", "1.5", "%", "٣")),
    ],
)
def test_limits_within_reason_pass_and_others_are_refused(
    field: str, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    for value in good:
        check_limits(Limits(**{field: value}))
    for value in bad:
        with pytest.raises(InvalidInput):
            check_limits(Limits(**{field: value}))


def test_a_script_may_be_as_long_as_is_safe_and_no_byte_longer() -> None:
    fitting = "x" * (MAX_COMMAND_BYTES - command_bytes(("",)))
    check_spec(CommandSpec(lines=(fitting,)))
    with pytest.raises(InvalidInput) as caught:
        check_spec(CommandSpec(lines=(fitting + "x",)))
    assert caught.value.message == "the command is too long for SSM: 48,001 bytes, and 48,000 are safe"


def test_korean_weighs_what_it_does_on_the_wire() -> None:
    assert command_bytes(("가",)) == command_bytes(("aaaaaa",))


@pytest.mark.parametrize(
    ("text", "read"),
    [("bucket", ("bucket", "")), ("bucket/a/b", ("bucket", "a/b")), ("s3://bucket/a/", ("bucket", "a"))],
)
def test_a_place_in_s3_is_a_bucket_and_perhaps_a_prefix(text: str, read: tuple[str, str]) -> None:
    assert split_s3(text) == read


@pytest.mark.parametrize("text", ["bucket/" + "a" * 501, "bucket/가", "bucket/a\nb"])
def test_a_prefix_that_ssm_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="prefix"):
        split_s3(text)


def test_a_tag_is_read_up_to_its_first_equals_sign() -> None:
    assert read_tag("tag:Role=web=1") == TagChoice(key="Role", value="web=1")
    assert read_tag("tag:aws:autoscaling:groupName=a") == TagChoice(key="aws:autoscaling:groupName", value="a")


@pytest.mark.parametrize("text", ["Role=web", "tag:Role", "tag:=web", "tag:Role=", "tag:Role=*", ""])
def test_what_is_no_tag_or_would_be_every_node_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_tag(text)
