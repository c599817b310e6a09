"""XML replies with characters that XML cannot carry."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.aws.replies import repair_xml


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
