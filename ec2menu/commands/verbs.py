"""From parsed arguments to the command of a verb: what each of them is given, in one table."""

import argparse
from collections.abc import Callable, Mapping

from ec2menu.flows.context import Context


def run_verb(context: Context, arguments: argparse.Namespace) -> int:
    """Run the command of the verb and return its exit status."""
    return _VERBS[arguments.verb](context, arguments)


def _ls(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.ls import LsRequest, run_ls  # noqa: PLC0415 - each verb imports what it needs

    request = LsRequest(
        kind=arguments.kind,
        filters=arguments.filters,
        sort=arguments.sort,
        output=arguments.output,
        refresh=arguments.refresh,
    )
    return run_ls(context, request)


def _connect(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.connect import run_connect  # noqa: PLC0415 - the same
    from ec2menu.flows.databases import Wishes  # noqa: PLC0415 - the same

    wishes = Wishes(
        via=arguments.via,
        local_port=arguments.local_port,
        user=arguments.user,
        database=arguments.database,
        secret=arguments.secret,
        iam=arguments.iam,
        client=arguments.client,
    )
    return run_connect(context, arguments.target, way=arguments.way, wishes=wishes)


def _forward(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.forward import ForwardRequest, run_forward  # noqa: PLC0415 - the same

    request = ForwardRequest(
        target=arguments.target,
        host=arguments.host,
        port=arguments.port,
        via=arguments.via,
        local_port=arguments.local_port,
        once=arguments.once,
    )
    return run_forward(context, request)


def _run(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.run import RunRequest, run_batch_command  # noqa: PLC0415 - the same

    request = RunRequest(
        targets=tuple(arguments.targets),
        filters=tuple(arguments.filters),
        all=arguments.all,
        tags=tuple(arguments.tags),
        script=arguments.script,
        command=tuple(arguments.command),
        concurrency=arguments.concurrency,
        timeout=arguments.timeout,
        delivery_timeout=arguments.delivery_timeout,
        retries=arguments.retries,
        max_errors=arguments.max_errors,
        dry_run=arguments.dry_run,
        yes=arguments.yes,
        output=arguments.output,
        out=arguments.out,
        output_s3=arguments.output_s3,
    )
    return run_batch_command(context, request)


def _runs(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.runs import run_runs  # noqa: PLC0415 - the same

    return run_runs(
        context,
        arguments.run,
        retry_failed=arguments.retry_failed,
        send_rest=arguments.send_rest,
        yes=arguments.yes,
        output=arguments.output,
    )


def _history(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.history import HistoryRequest, run_history  # noqa: PLC0415 - the same

    return run_history(context, HistoryRequest(repeat=arguments.repeat, output=arguments.output))


def _doctor(context: Context, arguments: argparse.Namespace) -> int:
    from ec2menu.commands.doctor import run_doctor  # noqa: PLC0415 - the same

    return run_doctor(context, arguments.target)


def _config(context: Context, _arguments: argparse.Namespace) -> int:
    from ec2menu.commands.config import run_config  # noqa: PLC0415 - the same

    return run_config(context)


_VERBS: Mapping[str, Callable[[Context, argparse.Namespace], int]] = {
    "ls": _ls,
    "connect": _connect,
    "forward": _forward,
    "run": _run,
    "runs": _runs,
    "history": _history,
    "doctor": _doctor,
    "config": _config,
}
