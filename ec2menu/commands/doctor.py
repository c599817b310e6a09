"""`ec2menu doctor [TARGET]`: what a connection needs, one line each, and what to type where something is missing."""

import functools
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ec2menu.connectors.plugin import MAX_TMPDIR_LENGTH, NAME
from ec2menu.errors import AwsError, Ec2MenuError, ExitStatus, Interrupted, RegionDisabled
from ec2menu.flows.connect import check_reachable
from ec2menu.flows.containers import check_container, describe_container
from ec2menu.flows.context import Context
from ec2menu.flows.databases import ca_file_of
from ec2menu.flows.listing import require_regions
from ec2menu.flows.stores import require_endpoint, survey_ways
from ec2menu.flows.targets import DataStore, describe, find_resource
from ec2menu.models import Container, Instance, Style


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: fine, or not and then what to type. `status` is the exit status it leads to."""

    what: str
    detail: str
    more: tuple[str, ...] = ()
    hint: str = ""
    status: int = ExitStatus.DONE

    @property
    def is_fine(self) -> bool:
        """Whether nothing has to be done."""
        return self.status == ExitStatus.DONE


def run_doctor(context: Context, target: str) -> int:
    """Print every finding; return the status of the first that is not fine."""
    checks: dict[str, Callable[[Context], Finding]] = {
        "python": _python,
        "credentials": _credentials,
        "region": _region,
        NAME: _plugin,
        "stty": _stty,
        "TMPDIR": _tmpdir,
        "state": _state,
    }
    if target:
        checks["target"] = functools.partial(_target, target=target)
    findings = []
    for what, check in checks.items():
        finding = _guarded(context, what, check)
        findings.append(finding)
        _show(context, finding)
    return first_status(findings)


def first_status(findings: Sequence[Finding]) -> int:
    """Return the exit status of the first finding that is not fine."""
    return next((finding.status for finding in findings if not finding.is_fine), ExitStatus.DONE)


def _guarded(context: Context, what: str, check: Callable[[Context], Finding]) -> Finding:
    try:
        return check(context)
    except Interrupted:
        raise
    except Ec2MenuError as error:
        return Finding(what=what, detail=error.message, more=error.details, hint=error.hint, status=error.status)


def _show(context: Context, finding: Finding) -> None:
    terminal = context.terminal
    mark = terminal.paint("ok  ", Style.GOOD) if finding.is_fine else terminal.paint("FAIL", Style.BAD)
    terminal.data(f"{mark} {finding.what}: {terminal.plain(finding.detail)}")
    for line in filter(None, (*finding.more, finding.hint)):
        terminal.data(f"     {terminal.plain(line)}")
    terminal.flush()


def _python(_context: Context) -> Finding:
    return Finding(what="python", detail=f"{platform.python_version()} ({sys.executable})")


def _credentials(context: Context) -> Finding:
    identity = context.in_background(context.aws.identity, lambda: "asking AWS who we are")
    return Finding(what="credentials", detail=f"profile {context.profile}: {identity.arn}")


def _region(context: Context) -> Finding:
    regions = require_regions(context)
    for region in regions if "all" not in context.regions else ():
        ask = functools.partial(context.aws.require_enabled, region)
        try:
            context.in_background(ask, lambda: "asking AWS for the region")
        except RegionDisabled:
            raise
        except AwsError:
            break  # what is wrong with the credentials, or the network, has a line of its own
    return Finding(what="region", detail=", ".join(regions))


def _plugin(context: Context) -> Finding:
    plugin = context.find_connector().plugin
    return Finding(what=NAME, detail=f"{plugin.version_text} ({' '.join(plugin.command)})", hint=plugin.warning)


def _stty(_context: Context) -> Finding:
    if sys.platform == "win32":
        return Finding(what="terminal", detail="Windows console")
    path = shutil.which("stty")
    if path is None:
        return Finding(
            what="stty", detail="not found; shells need it", hint="install coreutils", status=ExitStatus.CONNECTOR
        )
    return Finding(what="stty", detail=path)


def _tmpdir(context: Context) -> Finding:
    folder = context.environ.get("TMPDIR", "")
    if len(folder) > MAX_TMPDIR_LENGTH:
        return Finding(what="TMPDIR", detail=f"{len(folder)} characters is too long for tunnels; /tmp is used instead")
    return Finding(what="TMPDIR", detail=folder or "default")


def _state(context: Context) -> Finding:
    store = context.store
    status = ExitStatus.TARGET_FAILED if store.is_in_memory else ExitStatus.DONE
    return Finding(
        what="state", detail=store.warnings[0] if store.warnings else str(store.path), hint=store.hint, status=status
    )


def _target(context: Context, target: str) -> Finding:
    item = find_resource(context, target, require_regions(context))
    if isinstance(item, Instance):
        check_reachable(context, item)
        return Finding(what="target", detail=f"{describe(item)} is {item.ssm_status}")
    if isinstance(item, Container):
        check_container(item)
        return Finding(
            what="target",
            detail=f"{describe_container(item)}: exec {item.exec_status}",
            more=(item.reason,),
            hint=item.fix,
        )
    return _store(context, item)


def _store(context: Context, item: DataStore) -> Finding:
    """Say where a database or a cache answers and which jump host leads there, or why none does."""
    endpoint = require_endpoint(item)
    ca_file_of(context, item)  # a setting that names no file would keep every client from it
    choice, refusal = survey_ways(context, item)
    where = f"{describe(item)} at {endpoint.host}:{endpoint.port}"
    if choice.best is None:
        return Finding(what="target", detail=f"{where}: no jump host", more=refusal.diagnosis, status=refusal.status)
    return Finding(what="target", detail=f"{where} via {describe(choice.best)}", more=(choice.note,))
