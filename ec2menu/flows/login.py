"""Renewing a login in the middle of the menu: `aws sso login` for SSO profiles and only for those, an MFA code else."""

import shutil

from ec2menu.connectors.process import run_in_foreground
from ec2menu.errors import Ec2MenuError, LoginExpired, MfaNeeded
from ec2menu.flows.context import Context


def offer_login(context: Context, error: Ec2MenuError) -> bool:
    """Offer what renews the login that `error` says is over; return whether it makes sense to try again."""
    needs_mfa = isinstance(error, MfaNeeded) or context.profiles.needs_mfa(context.profile)
    # A role that needs a code may stand on an SSO login; only that has run out when AWS itself has not been asked.
    if isinstance(error, LoginExpired) and error.sso_profile and not (needs_mfa and error.code):
        return _sso_login(context, error)
    return needs_mfa and _new_session(context, error)


def is_left_to_others(context: Context) -> bool:
    """Whether nobody here can renew the login and somebody elsewhere may: that of keys in a file, or of a script's SSO.

    Keys in variables stay what they are, and who is offered a renewal here and does not want it has said so.
    """
    if context.aws.has_keys_in_variables:
        return False
    is_offered = bool(context.aws.sso_profile) or context.profiles.needs_mfa(context.profile)
    return not (is_offered and context.terminal.is_interactive)


def _new_session(context: Context, error: Ec2MenuError) -> bool:
    context.terminal.note(f"! {error.message}")
    if not context.terminal.confirm("type a new MFA code now?", default=True):
        return False
    context.renew_identity()  # the next call asks for the code
    return True


def _sso_login(context: Context, error: LoginExpired) -> bool:
    terminal = context.terminal
    aws_cli = shutil.which("aws")
    if aws_cli is None:
        return False  # the error's own hint says what to type, and where
    terminal.note(f"! {error.message}")
    if not terminal.confirm(f"log in now with aws sso login --profile {error.sso_profile}?", default=True):
        return False
    status = run_in_foreground([aws_cli, "sso", "login", "--profile", error.sso_profile])
    if status != 0:
        terminal.note(f"! aws sso login ended with status {status}")
        return False
    context.renew_identity()
    return True
