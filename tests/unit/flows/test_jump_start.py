"""Starting a stopped jump host: never without a yes, waited for with an end, and told when nobody waits."""

import signal
import threading
from pathlib import Path

import pytest

from ec2menu.errors import AccessDenied, AwsError, TargetUnavailable, Unreachable
from ec2menu.flows.jump_start import START_SECONDS, start_jump_host
from ec2menu.flows.listing import get_listing
from ec2menu.models import Instance, SsmStatus
from ec2menu.resources.kinds import EC2
from ec2menu.ui.terminal import Stopped
from tests.fakes.clock import FakeClock
from tests.unit.desk import REGION
from tests.unit.flows.jump_seat import HERE, INSTANCES, JumpAws, Seat, host, small_fleet

WAIT_SECONDS = 10.0


@pytest.fixture
def asleep() -> JumpAws:
    """A fleet with a stopped jump host, the first that is offered."""
    aws = small_fleet()
    aws.add(host("i-old", "jump-old", state="stopped"))
    return aws


def old(*, state: str = "stopped") -> Instance:
    return Instance(id="i-old", region=REGION, name="jump-old", state=state, vpc_id=HERE)


@pytest.mark.parametrize("typed", ["1", "jump-old", "i-old"])
def test_a_stopped_jump_host_is_started_after_a_yes_and_waited_for(asleep: JumpAws, tmp_path: Path, typed: str) -> None:
    asleep.answers = [[], [], ["ConnectionLost"], ["Online"]]
    seat = Seat(asleep, tmp_path, typed, "y")
    found = seat.choose()
    assert asleep.started == ["i-old"]
    assert (found.instance.id, found.instance.state, found.instance.ssm_status) == ("i-old", "running", "Online")
    assert found.note == "via jump-old (i-old)"
    assert seat.desk.clock.slept == [3.0, 3.0, 3.0]
    assert "start jump-old (i-old)? it is billed until it is stopped [y/N]" in seat.shown


@pytest.mark.parametrize("answer", ["n", ""])
def test_nothing_is_started_without_a_yes(asleep: JumpAws, tmp_path: Path, answer: str) -> None:
    seat = Seat(asleep, tmp_path, "1", answer, "web-1")
    assert seat.choose().instance.id == "i-web1"
    assert asleep.started == []


def test_the_list_is_read_again_once_it_is_online(asleep: JumpAws, tmp_path: Path) -> None:
    seat = Seat(asleep, tmp_path)
    get_listing(seat.context, EC2, (REGION,))

    def wake() -> None:
        asleep.lists[INSTANCES, ""] = [{"Instances": [host("i-old", "jump-old", PrivateIpAddress="10.0.0.9")]}]
        asleep.add_node("i-old")

    asleep.on_look = wake
    assert start_jump_host(seat.context, old()).private_ip == "10.0.0.9"
    kept = get_listing(seat.context, EC2, (REGION,))
    assert [item.ssm_status for item in kept.items if item.id == "i-old"] == [SsmStatus.ONLINE]


def test_what_passes_by_itself_does_not_end_the_waiting(asleep: JumpAws, tmp_path: Path) -> None:
    asleep.answers = [Unreachable("no network"), AwsError("not yet", code="InvalidInstanceId"), ["Online"]]
    assert start_jump_host(Seat(asleep, tmp_path).context, old()).ssm_status is SsmStatus.ONLINE


def test_a_refusal_ends_the_waiting_at_once(asleep: JumpAws, tmp_path: Path) -> None:
    asleep.answers = [AccessDenied("ssm is denied", action="ssm:X")]
    seat = Seat(asleep, tmp_path)
    with pytest.raises(AccessDenied):
        start_jump_host(seat.context, old())
    assert seat.desk.clock.slept == []


def test_a_refused_start_is_aws_s_error(asleep: JumpAws, tmp_path: Path) -> None:
    asleep.refusal = AccessDenied("ec2:StartInstances is denied", action="ec2:StartInstances")
    with pytest.raises(AccessDenied):
        Seat(asleep, tmp_path, "1", "y").choose()


def test_an_instance_that_is_stopping_cannot_be_started_yet(asleep: JumpAws, tmp_path: Path) -> None:
    with pytest.raises(TargetUnavailable, match="is stopping") as caught:
        start_jump_host(Seat(asleep, tmp_path).context, old(state="stopping"))
    assert caught.value.hint.startswith("wait")
    assert asleep.started == []


def test_the_waiting_has_an_end_and_another_node_can_be_chosen_then(asleep: JumpAws, tmp_path: Path) -> None:
    asleep.answers = [[]]
    seat = Seat(asleep, tmp_path, "1", "y", "web-1")
    assert seat.choose().instance.id == "i-web1"
    assert "jump-old (i-old) was started and is not online after 5 minutes" in seat.shown
    assert sum(seat.desk.clock.slept) == START_SECONDS


class WatchedClock(FakeClock):
    """Knows when the main thread, having been `armed`, waits in earnest: it looks at the clock again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.is_armed = False
        self.is_waited_at = threading.Event()
        self._looks = 0

    def now(self) -> float:
        if self.is_armed and threading.current_thread() is threading.main_thread():
            self._looks += 1
            if self._looks > 1:
                self.is_waited_at.set()
        return super().now()


def test_ctrl_c_ends_the_waiting_and_says_that_the_instance_goes_on_starting(asleep: JumpAws, tmp_path: Path) -> None:
    asleep.answers = [[]]
    clock = WatchedClock()
    has_stopped = threading.Event()
    looking: list[threading.Thread] = []

    def interrupt() -> None:
        looking.append(threading.current_thread())
        clock.is_armed = True
        clock.is_waited_at.wait(WAIT_SECONDS)
        signal.raise_signal(signal.SIGINT)
        has_stopped.wait(WAIT_SECONDS)

    asleep.on_look = interrupt
    seat = Seat(asleep, tmp_path, clock=clock)
    with pytest.raises(Stopped):
        start_jump_host(seat.context, old())
    has_stopped.set()
    assert asleep.started == ["i-old"]
    assert "jump-old (i-old) goes on starting" in seat.shown
    looking[0].join(WAIT_SECONDS)
    assert not looking[0].is_alive()
    assert len(looking) == 1, "nobody looks any more once nobody waits"
