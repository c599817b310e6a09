"""Identities for tests: an `Aws` as the product builds it from the environment, and AWS files for a home folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2menu.aws.profiles import active_profile, home_region, load_profiles
from ec2menu.aws.session import Aws
from ec2menu.demo.account import ACCESS_KEY, SECRET_KEY

KEYS = f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
ROLE = "arn:aws:iam::123456789012:role/ops"
MFA_SERIAL = "arn:aws:iam::123456789012:mfa/kim"
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Asked:
    """Stands for the person with the MFA device: types the codes in their order, and remembers what was asked."""

    def __init__(self, *codes: str) -> None:
        self.prompts: list[str] = []
        self._codes = list(codes)

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self._codes.pop(0) if self._codes else "123456"


def aws_as(profile: str | None = None, *, home: str | None = None, ask_mfa: Callable[[str], str] | None = None) -> Aws:
    """Return the identity that the environment names, or `profile` as if it had been typed after `-p`."""
    profiles = load_profiles(os.environ)
    active = active_profile(os.environ, profile)
    return Aws(
        profile=active,
        explicit=profile is not None,
        home=home_region(os.environ, profiles, active) if home is None else home,
        profiles=profiles,
        ask_mfa=ask_mfa or Asked(),
    )


def use_profiles(folder: Path, monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    """Make `folder` the home, write its AWS config file, and take the keys out of the environment."""
    (folder / ".aws").mkdir(exist_ok=True)
    (folder / ".aws" / "config").write_text(config, encoding="utf-8")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / ".aws" / "config"))
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
