"""CSV and JSON as other programs read them, whatever people have put into a tag."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from ec2menu.exports import csv_text, json_text

CELLS = st.text(alphabet='ab,"\r\n\x1b 서', max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=4))
def test_a_reader_of_csv_gets_every_cell_back(rows: list[tuple[str, str]]) -> None:
    text = csv_text(["id", "name"], [{"id": first, "name": second} for first, second in rows])
    found = list(csv.reader(io.StringIO(f"{text}\n", newline="")))
    assert found == [["id", "name"], *map(list, rows)]


def test_lines_end_in_a_line_feed_alone_and_nested_values_are_json() -> None:
    assert csv_text(["a", "b", "c"], [{"a": None, "b": {"k": "서"}, "c": 1}]) == 'a,b,c\n,"{""k"": ""서""}",1'


@given(CELLS)
def test_a_reader_of_json_gets_every_text_back_and_a_screen_no_control_character(text: str) -> None:
    for is_ascii in (False, True):
        written = json_text({"name": text}, is_ascii=is_ascii)
        assert json.loads(written) == {"name": text}
        assert "\x1b" not in written
