"""Starting a session for somebody who may leave meanwhile: what AWS opens after that is closed, not left open.

Before AWS has answered nobody knows what to close, so that whoever leaves has to wait for the answer.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ec2menu.connectors.connector import Connector
from ec2menu.connectors.process import undisturbed
from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.fanout import Task

CLOSING = "closing, as soon as AWS has started the session; Ctrl-C again leaves it open"
# Told to end, we wait so long for the answer.
ANSWER_SECONDS = 10.0
Answer = dict[str, Any]
Watch = Callable[[Task[Any], Callable[[], str]], Any]


def wait_quietly(task: Task[Any], _describe: Callable[[], str]) -> Any:
    """Wait for a task without showing anything; `Terminal.watch` is the way that does."""
    return task.result()


def start_watched(connector: Connector, region: str, start: Callable[[], Answer], *, watch: Watch) -> Answer:
    """Return what `start` (StartSession, ExecuteCommand) answers, waiting for it by `watch`.

    Where that raises Interrupted (Ctrl-C) or we are told to end, the session is closed as soon as it is known, before
    that goes on. The credentials must have been loaded: `start` runs in another thread.
    """
    task = Task(start)
    try:
        return _watch_to_the_end(task, watch)
    except BaseException as error:
        _close(connector, region, task, seconds=0 if isinstance(error, Ec2MenuError) else ANSWER_SECONDS)
        raise


def _watch_to_the_end(task: Task[Answer], watch: Watch) -> Answer:
    try:
        answer: Answer = watch(task, lambda: "starting the session")
    except Interrupted:
        with suppress(Ec2MenuError):  # Ctrl-C again, or AWS has not started it
            watch(task, lambda: CLOSING)
        raise
    return answer


def _close(connector: Connector, region: str, task: Task[Answer], *, seconds: float) -> None:
    """Close what a task has started, waiting for that at most `seconds`; nothing where it failed."""
    with suppress(Exception), undisturbed():  # whatever stands in the way, what made us leave is what counts
        if task.wait(seconds):
            connector.terminate(region, str(task.result()["SessionId"]))
