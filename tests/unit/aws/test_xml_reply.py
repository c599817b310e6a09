"""XML replies: characters that XML cannot carry, and values along a plan."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.aws.xml_reply import Plan, Unsupported, compile_plan, read_xml_reply, repair_xml

PLAN: Plan = (
    "structure",
    {
        "nextToken": ("NextToken", ("string",)),
        "set": ("Set", ("list", ("structure", {"n": ("N", ("integer",)), "ok": ("Ok", ("boolean",))}))),
        "at": ("At", ("timestamp",)),
    },
)


def read(inner: str) -> tuple[dict[str, Any], str]:
    body = f'<?xml version="1.0"?>\n<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{inner}</R>'
    return read_xml_reply(body.encode(), compile_plan(PLAN))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"plain", "plain"),
        (b"a\x1b[31mb", "a\\x1b[31mb"),
        (b"a&#27;b&#x1B;c", "a\\x1bb\\x1bc"),
        (b"a&#0;b", "a\\x00b"),
        (b"a&#xFFFE;b\xef\xbf\xbf", "a\\ufffeb\\uffff"),
        (b"a&#xD800;b\xed\xa0\x80", "a\\ud800b\\ud800"),
        (b"a&#x110000;b&#9999999;", "a?b?"),
        (b"tab&#9;line&#10;feed&#13;", "tab\tline\nfeed\r"),
        ("한글 🚀 &#44032;".encode(), "한글 🚀 가"),
        (b"&lt;&amp;#27;&gt;", "<&#27;>"),
    ],
)
def test_an_illegal_character_becomes_its_escape_and_a_legal_one_stays(sent: bytes, shown: str) -> None:
    assert ET.fromstring(repair_xml(b"<n>" + sent + b"</n>")).text == shown


@given(st.text())
def test_any_text_that_is_only_escaped_as_xml_requires_can_be_parsed(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert ET.fromstring(repair_xml(f"<n>{escaped}</n>".encode())).tag == "n"


@given(st.integers(0, 0x1FFFFF))
def test_any_reference_can_be_parsed(point: int) -> None:
    assert ET.fromstring(repair_xml(f"<n>&#{point};&#x{point:x};</n>".encode())).text is not None


def test_a_reply_becomes_what_its_plan_says_and_the_rest_is_passed_over() -> None:
    found, request_id = read(
        "<requestId>7a</requestId><set><item><n>-3</n><ok>true</ok><new>1</new></item><item/></set>"
        "<at>2026-03-01T12:00:00.000Z</at><nextToken/>"
    )
    assert request_id == "7a"
    assert found == {
        "Set": [{"N": -3, "Ok": True}, {}],
        "At": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "NextToken": "",
    }


def test_what_nobody_reads_is_cut_and_what_is_beside_it_stays() -> None:
    unread = "<networkInterfaceSet><item><n>5</n></item></networkInterfaceSet>"
    assert read(f"<set><item>{unread}<n>1</n>{unread}</item></set>{unread}")[0] == {"Set": [{"N": 1}]}


@pytest.mark.parametrize(
    "inner",
    ["<set>", "<set><item><n>one</n></item></set>", "<at>yesterday</at>", '<x xmlns="urn:other"/>', "<at>2026</at"],
)
def test_a_reply_of_another_form_is_left_to_botocore(inner: str) -> None:
    with pytest.raises(Unsupported):
        read(inner)
