"""Every error a user may read, as one tree; each carries what happened, what to type, and the exit status.

    Ec2MenuError
    ├── InvalidInput               2   what was typed cannot be done: flag, filter, number, profile, region
    │   └── TargetUnclear          2   a TARGET names no resource, or several
    ├── TargetUnavailable          1   the resource exists and cannot be connected to now
    │   ├── NoJumpHost             1   no node is known that leads into the resource's VPC
    │   └── TakenOver              1   a run that this process held is another's now
    ├── StateBusy                  1   the state file is held by another process, for the moment
    ├── AwsError                   3   AWS refused, or could not be reached
    │   ├── CredentialsError           none, wrong or incomplete
    │   │   ├── LoginExpired           a login that a command or a prompt can renew
    │   │   └── MfaNeeded              an MFA code is asked for where nobody can be asked
    │   ├── AccessDenied               names the IAM action and the identity
    │   ├── RegionDisabled
    │   ├── Throttled
    │   ├── Unreachable                no network, no name, proxy, TLS, time-out
    │   ├── IncompleteAnswer           a reply that was cut short or is not AWS's
    │   └── TargetNotConnected         SSM has no connection to the agent
    ├── ConnectorError             4   session-manager-plugin or a tunnel
    │   ├── PluginMissing
    │   ├── PluginUnusable
    │   ├── SessionFailed
    │   └── PortInUse
    └── Interrupted              130   Ctrl-C; a signal that ends us is a SystemExit with the shell's 128 + signal

A failed target among many is a value in a result, never an exception. What nobody below can turn into such a value or
a Problem reaches `cli` or the menu loop, which tell the user.
"""

import copy
from collections.abc import Sequence
from enum import IntEnum

from ec2menu.models import Problem


class ExitStatus(IntEnum):
    """The exit statuses of the command line."""

    DONE = 0
    TARGET_FAILED = 1
    USAGE = 2
    AWS = 3
    CONNECTOR = 4
    INTERRUPTED = 130


class Ec2MenuError(Exception):
    """An error with a sentence (`message`), what to type (`hint`, may be empty) and an exit status."""

    status = ExitStatus.TARGET_FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def details(self) -> tuple[str, ...]:
        """Lines that belong between the sentence and the hint."""
        return ()


class InvalidInput(Ec2MenuError):
    """What the user typed cannot be done."""

    status = ExitStatus.USAGE


class TargetUnclear(InvalidInput):
    """A TARGET names no resource or more than one; `matches` are the lines to show (at most a few)."""

    def __init__(self, message: str, *, hint: str = "", matches: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.matches = matches

    @property
    def details(self) -> tuple[str, ...]:
        """What the name may mean."""
        return self.matches


class TargetUnavailable(Ec2MenuError):
    """The resource exists and cannot be connected to as it is."""


class NoJumpHost(TargetUnavailable):
    """No jump host leads to the resource; `diagnosis` are lines that say why not, candidate by candidate."""

    def __init__(self, message: str, *, hint: str = "", diagnosis: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.diagnosis = diagnosis

    @property
    def details(self) -> tuple[str, ...]:
        """Why each candidate is none."""
        return self.diagnosis


class TakenOver(TargetUnavailable):
    """A run that this process followed belongs to another ec2menu now: nothing more may be sent or written here."""


class StateBusy(Ec2MenuError):
    """The state file could not be written because another process holds it; a later try may go well."""


class AwsError(Ec2MenuError):
    """AWS refused or could not be reached; `code` is AWS's own error code where there is one."""

    status = ExitStatus.AWS

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class CredentialsError(AwsError):
    """No credentials, or none that AWS accepts."""


class LoginExpired(CredentialsError):
    """A login that ran out; `sso_profile` is the profile that `aws sso login` renews, empty where it does not."""

    def __init__(self, message: str, *, hint: str = "", code: str = "", sso_profile: str = "") -> None:
        super().__init__(message, hint=hint, code=code)
        self.sso_profile = sso_profile


class MfaNeeded(CredentialsError):
    """An MFA code is needed and the asking thread may not prompt."""


class AccessDenied(AwsError):
    """An IAM policy (or an SCP) denies the call; `action` is the IAM action, such as `ec2:DescribeInstances`."""

    def __init__(self, message: str, *, hint: str = "", code: str = "", action: str = "") -> None:
        super().__init__(message, hint=hint, code=code)
        self.action = action


class RegionDisabled(AwsError):
    """The region is not enabled for the account."""


class Throttled(AwsError):
    """AWS kept refusing for rate, after the retries."""


class Unreachable(AwsError):
    """No answer from AWS: network, name, proxy, TLS or time-out."""


class IncompleteAnswer(AwsError):
    """A reply was cut short, or is not AWS's."""


class TargetNotConnected(AwsError):
    """SSM has no connection to the agent on the target."""


class ConnectorError(Ec2MenuError):
    """session-manager-plugin or a tunnel failed."""

    status = ExitStatus.CONNECTOR


class PluginMissing(ConnectorError):
    """session-manager-plugin is not installed."""


class PluginUnusable(ConnectorError):
    """session-manager-plugin is too old or does not run."""


class SessionFailed(ConnectorError):
    """A session or tunnel did not come up."""


class PortInUse(ConnectorError):
    """The local port is taken."""


class Interrupted(Ec2MenuError):
    """The user ended what was going on; `status` follows the shell's rule of 128 + signal, as for SIGINT."""

    status = ExitStatus.INTERRUPTED


def as_problem(where: str, error: Ec2MenuError) -> Problem:
    """Return an error as the part of a listing that failed."""
    is_lasting = isinstance(error, AccessDenied | RegionDisabled)
    return Problem(where=where, message=error.message, hint=error.hint, status=error.status, is_lasting=is_lasting)


def first_of(errors: Sequence[Ec2MenuError]) -> Ec2MenuError:
    """Return the first of several errors, with the other one's message or, where there are more, their number."""
    first = copy.copy(errors[0])
    others = list(dict.fromkeys(error.message for error in errors if error.message != first.message))
    if others:
        first.message += f"; {others[0]}" if len(others) == 1 else f"; {len(others)} other calls failed, too"
        first.args = (first.message,)
    return first


def bug_error(bug: BaseException) -> Ec2MenuError:
    """Return what to tell the user of an exception that should not have happened."""
    return Ec2MenuError(
        f"this is a bug in ec2menu: {type(bug).__name__}: {bug}",
        hint="run it again with --debug and report it with the log",
    )
