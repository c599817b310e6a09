"""How large the next command is, and when it is worth sending."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.batch.share import Demand, is_worth_sending, next_piece


def demand(*, waiting: int, free: int, limit: int, in_work: int = 0) -> Demand:
    return Demand(in_lane=waiting, waiting=waiting, in_work=in_work, free=free, limit=limit)


@pytest.mark.parametrize(
    ("waiting", "limit", "nodes", "share"),
    [
        (1, 5, 1, 1),
        (5, 5, 5, 5),
        (10, 5, 10, 5),
        (50, 50, 50, 50),
        (51, 50, 26, 26),
        (200, 5, 50, 5),
        (1000, 50, 50, 7),
        (200, 1, 1, 1),
    ],
)
def test_the_first_command_gets_a_share_and_what_it_works_off(waiting: int, limit: int, nodes: int, share: int) -> None:
    piece = next_piece(demand(waiting=waiting, free=limit, limit=limit))
    assert (piece.nodes, piece.share) == (nodes, share)


def test_a_few_slots_get_nodes_that_none_has_to_wait_behind() -> None:
    piece = next_piece(demand(waiting=100, free=2, limit=5, in_work=3))
    assert (piece.nodes, piece.share) == (2, 2)


@given(
    in_lane=st.integers(1, 2000),
    more=st.integers(0, 5000),
    in_work=st.integers(0, 999),
    limit=st.integers(1, 1000),
    data=st.data(),
)
def test_a_command_never_has_more_than_there_is(
    in_lane: int, more: int, in_work: int, limit: int, data: st.DataObject
) -> None:
    free = data.draw(st.integers(1, limit))
    piece = next_piece(Demand(in_lane=in_lane, waiting=in_lane + more, in_work=in_work, free=free, limit=limit))
    assert 1 <= piece.share <= free
    assert piece.share <= piece.nodes <= min(50, in_lane)


def test_few_free_slots_wait_for_more_but_not_for_long() -> None:
    few = demand(waiting=900, free=2, limit=50, in_work=48)
    assert not is_worth_sending(few, 0, script_seconds=10)
    assert not is_worth_sending(few, 14, script_seconds=10)
    assert is_worth_sending(few, 15, script_seconds=10)
    assert is_worth_sending(few, 60, script_seconds=3600)
    assert is_worth_sending(demand(waiting=900, free=5, limit=50, in_work=45), 0, script_seconds=10)
