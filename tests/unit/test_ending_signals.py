"""The signals that end ec2menu: the first one counts, whatever handlers came and went meanwhile."""

import signal
from collections.abc import Iterator

import pytest

from ec2menu.cli import _end_on_signals
from ec2menu.connectors.process import signals_ignored

NUMBERS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number in NUMBERS:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_after_the_first_no_other_counts_also_where_handlers_have_been_put_back(first: signal.Signals) -> None:
    _end_on_signals()
    with pytest.raises(SystemExit) as left, signals_ignored():
        signal.raise_signal(first)
    assert left.value.code == 128 + first
    for number in NUMBERS:
        signal.raise_signal(number)


def test_who_leaves_for_another_reason_is_not_disturbed_either() -> None:
    leave_in_peace = _end_on_signals()
    leave_in_peace()
    assert [signal.raise_signal(number) for number in NUMBERS] == [None] * len(NUMBERS)  # type: ignore[func-returns-value]


def test_until_then_ctrl_c_is_what_it_always_is() -> None:
    _end_on_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_that_was_ignored_when_we_began_stays_so(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    _end_on_signals()
    assert signal.getsignal(number) is signal.SIG_IGN
