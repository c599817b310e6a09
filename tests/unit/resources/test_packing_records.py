"""Records packed along their type hints come back equal; a row that does not fit is refused, not misread."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.models import Cache, Container, Database, DbMember, Endpoint, EndpointRole
from ec2menu.resources.packing_records import record_packing

REGION = "us-east-1"
moments = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
st.register_type_strategy(datetime, moments)


@pytest.mark.parametrize("record", [Database, Cache, Container])
@given(data=st.data())
def test_a_record_comes_back_as_it_went(record: type, data: st.DataObject) -> None:
    item: Any = data.draw(st.builds(record, region=st.just(REGION)))
    packing = record_packing(record)
    assert packing.unpack(packing.pack(item), REGION) == item


def test_the_fields_of_inner_records_are_named_so_that_a_change_is_noticed() -> None:
    assert {"members", "members.endpoint", "members.endpoint.port"} <= set(record_packing(Database).fields)


def test_a_row_that_does_not_fit_is_an_error() -> None:
    packing = record_packing(Database)
    row = packing.pack(
        Database(
            id="a",
            region=REGION,
            name="a",
            role=EndpointRole.WRITER,
            engine="x",
            members=(DbMember(id="m", endpoint=Endpoint(host="h", port=1)),),
        )
    )
    for wrong in (row[:-1], [*row, 1], [*row[:2], "no such role", *row[3:]]):
        with pytest.raises((ValueError, TypeError)):
            packing.unpack(wrong, REGION)


def test_a_moment_keeps_its_instant() -> None:
    packing = record_packing(Container)
    started = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(hours=3)
    item = Container(id="c/t/n", region=REGION, cluster="c", started_at=started)
    assert packing.unpack(packing.pack(item), REGION).started_at == started
