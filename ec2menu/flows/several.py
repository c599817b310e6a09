"""Several sessions at once: a window each where the terminal can open windows, else one after another."""

import shutil
import sys
from collections.abc import Sequence

from ec2menu.connectors.process import run_quietly, start_detached
from ec2menu.connectors.windows import WindowOpener, WindowRequest, find_opener, open_windows, running_in_wsl
from ec2menu.errors import Ec2MenuError, ExitStatus, Interrupted
from ec2menu.flows.connect import check_reachable, connect_shell
from ec2menu.flows.context import Context
from ec2menu.flows.targets import describe
from ec2menu.models import Instance, Style

OPENING_SECONDS = 15.0
# Tells the `connect` in a new window to keep the window readable after the session.
HOLD_VARIABLE = "EC2MENU_HOLD"


def connect_several(context: Context, instances: Sequence[Instance]) -> int:
    """Open a shell on each machine that can be reached and say why the others cannot; return the exit status."""
    reachable = []
    for instance in instances:
        try:
            check_reachable(context, instance)
        except Ec2MenuError as error:
            context.terminal.fail(error)
        else:
            reachable.append(instance)
    skipped = len(instances) - len(reachable)
    if reachable:
        context.find_connector()  # a missing plugin is told once, here, not in every window
        opener = _find_opener(context)
        failed = _in_windows(context, opener, reachable) if opener else _one_after_another(context, reachable)
        skipped += failed
    return ExitStatus.TARGET_FAILED if skipped else ExitStatus.DONE


def _find_opener(context: Context) -> WindowOpener | None:
    if not context.config.settings.windows:
        return None
    is_wsl = running_in_wsl(context.environ)
    return find_opener(environ=context.environ, platform=sys.platform, which=shutil.which, is_wsl=is_wsl)


def _in_windows(context: Context, opener: WindowOpener, instances: Sequence[Instance]) -> int:
    requests = [
        WindowRequest(
            argv=(
                context.python,
                "-P",  # the window may open in any folder, and an `argparse.py` lying there would be imported
                "-m",
                "ec2menu",
                *context.again,
                "-r",
                instance.region,
                "connect",
                "--shell",
                instance.id,
            ),
            title=instance.name or instance.id,
        )
        for instance in instances
    ]

    def run(argv: Sequence[str]) -> int:
        return start_detached(argv) if opener.detached else run_quietly(argv, timeout_seconds=OPENING_SECONDS).status

    results = open_windows(
        opener,
        requests,
        environ={**context.environ, HOLD_VARIABLE: "1"},
        run=run,
        runtime_dir=context.runtime_folder,
        clock=context.clock,
        python=context.python,
    )
    for instance, result in zip(instances, results, strict=True):
        context.terminal.note(f"{describe(instance)}: {result.message}", Style.GOOD if result.ok else Style.BAD)
    return sum(not result.ok for result in results)


def _one_after_another(context: Context, instances: Sequence[Instance]) -> int:
    failed = 0
    for position, instance in enumerate(instances, 1):
        context.terminal.note(f"[{position}/{len(instances)}]", Style.DIM)
        try:
            failed += connect_shell(context, instance) != ExitStatus.DONE
        except Interrupted:
            raise  # all of them
        except Ec2MenuError as error:
            context.terminal.fail(error)
            failed += 1
    return failed
