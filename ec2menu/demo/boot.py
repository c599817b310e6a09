"""How instances of the demo start: `pending`, then `running`, then the agent comes Online.

In the showcase each step takes a few seconds, elsewhere they take none, as with moto. StartInstances notes the moment,
and every later look (`settle`, `is_agent_up`) asks how far the machine has come; no thread waits for anything.
"""

from dataclasses import dataclass
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo.strict import PerRegion

SHOWCASE_RUNNING_SECONDS, SHOWCASE_ONLINE_SECONDS = 2.0, 5.0
_PENDING, _RUNNING = ("pending", 0), ("running", 16)


@dataclass(slots=True, kw_only=True)
class _Pace:
    """How long the two steps take, counted from the start."""

    running_after: float = 0
    online_after: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A machine of moto's that was started, and when (monotonic seconds)."""

    instance: Any
    moment: float


_pace: PerRegion[_Pace] = PerRegion(_Pace)
_starts: PerRegion[dict[str, _Start]] = PerRegion(dict)
_EVERYWHERE = ""


def set_pace(*, running_after_seconds: float, online_after_seconds: float) -> None:
    """Set how long machines take from here on; a reset of the demo takes it back."""
    pace = _pace.at(_EVERYWHERE)
    pace.running_after, pace.online_after = running_after_seconds, online_after_seconds


def begin(region: str, instance: Any) -> None:
    """Start a stopped instance of moto's."""
    instance.start()
    instance.launch_time = SystemClock().wall().replace(tzinfo=None)
    _set_state(instance, _PENDING)
    _starts.at(region)[instance.id] = _Start(instance=instance, moment=SystemClock().now())


def settle(region: str) -> None:
    """Bring machines that have been starting for long enough to `running`; stopped in between they stay stopped."""
    starts, pace = _starts.at(region), _pace.at(_EVERYWHERE)
    for instance_id, start in list(starts.items()):
        state, age = start.instance.state, SystemClock().now() - start.moment
        if state == "pending" and age >= pace.running_after:
            _set_state(start.instance, _RUNNING)
        elif state not in ("pending", "running") or age >= max(pace.online_after, pace.running_after):
            starts.pop(instance_id, None)


def is_agent_up(region: str, instance_id: str) -> bool:
    """Say whether the agent has had the time to come back since its machine was started, if it was."""
    start = _starts.at(region).get(instance_id)
    return start is None or SystemClock().now() - start.moment >= _pace.at(_EVERYWHERE).online_after


def _set_state(instance: Any, state: tuple[str, int]) -> None:
    instance.instance_state.name, instance.instance_state.code = state
