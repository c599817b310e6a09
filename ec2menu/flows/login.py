"""Renewing a login in the middle of the menu: `aws sso login` for SSO profiles and only for those, an MFA code else."""

import shutil

from ec2menu.connectors.process import run_in_foreground
from ec2menu.errors import Ec2MenuError, LoginExpired, MfaNeeded
from ec2menu.flows.context import Context


def offer_login(context: Context, error: Ec2MenuError) -> bool:
    """Offer what renews the login that `error` says is over; return whether it was renewed."""
    if isinstance(error, MfaNeeded) or context.profiles.needs_mfa(context.profile):
        return _new_session(context, error, "type a new MFA code now?")
    if isinstance(error, LoginExpired) and error.sso_profile:
        return _sso_login(context, error)
    return False


def _new_session(context: Context, error: Ec2MenuError, question: str) -> bool:
    context.terminal.note(f"! {error.message}")
    if not context.terminal.confirm(question, default=True):
        return False
    context.aws.renew()
    context.inventory.forget()
    context.aws.authenticate()
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
    context.aws.renew()
    context.inventory.forget()
    return True
