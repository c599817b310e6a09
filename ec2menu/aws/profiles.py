"""Profiles and the home region, read from the AWS config files and the environment without importing botocore.

botocore takes a quarter of a second to import; the first menu needs only the profile's region and name. What is
decided here (precedence of region and profile) is handed to botocore explicitly, so both always agree.
"""

import configparser
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REGION_PATTERN = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")
_MAX_SOURCE_HOPS = 8
_SECRET_SETTINGS = ("aws_secret_access_key", "aws_session_token")
_PARTITION_HOMES = {
    "cn-": "cn-north-1",
    "us-gov-": "us-gov-west-1",
    "us-iso-": "us-iso-east-1",
    "us-isob-": "us-isob-east-1",
    "us-isof-": "us-isof-south-1",
    "eu-isoe-": "eu-isoe-west-1",
    "eusc-": "eusc-de-east-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The profiles of the AWS config and credentials files, by name."""

    sections: Mapping[str, Mapping[str, str]]

    def region(self, profile: str) -> str:
        """Return the profile's region, or an empty string."""
        return self.sections.get(profile, {}).get("region", "")

    def sso_login_profile(self, profile: str) -> str:
        """Return the profile that `aws sso login` renews for `profile`: itself or one on its source_profile chain."""
        for name in self.chain(profile):
            section = self.sections.get(name, {})
            if "sso_session" in section or "sso_start_url" in section:
                return name
        return ""

    def needs_mfa(self, profile: str) -> bool:
        """Whether using the profile may ask for an MFA code: `mfa_serial` counts beside `role_arn` only."""
        sections = [self.sections.get(name, {}) for name in self.chain(profile)]
        return any("mfa_serial" in section and "role_arn" in section for section in sections)

    def needs_environment(self, profile: str) -> bool:
        """Whether the profile's role is assumed with the keys of the environment."""
        sections = [self.sections.get(name, {}) for name in self.chain(profile)]
        return any(section.get("credential_source") == "Environment" for section in sections)

    def has_web_identity(self, profile: str) -> bool:
        """Whether the profile itself names a web identity token (else it is the environment that does)."""
        return "web_identity_token_file" in self.sections.get(profile, {})

    def chain(self, profile: str) -> list[str]:
        """Return the profile and those that its credentials come from, in order."""
        names: list[str] = []
        while profile and profile not in names and len(names) < _MAX_SOURCE_HOPS:
            names.append(profile)
            profile = self.sections.get(profile, {}).get("source_profile", "")
        return names


def load_profiles(environ: Mapping[str, str]) -> Profiles:
    """Read both files; a file that is missing or unreadable counts as empty (botocore reports it on the first call).

    What stands in both is taken from the credentials file, as botocore does.
    """
    sections: dict[str, dict[str, str]] = {}
    for variable, default in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        path = Path(environ.get(variable) or f"~/.aws/{default}").expanduser()
        for name, section in _read(path).items():
            sections.setdefault(name, {}).update(section)
    return Profiles(sections=sections)


def _read(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, default_section="\0")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for section in parser.sections():
        kind, _, name = section.partition(" ")
        if kind in ("sso-session", "services"):
            continue
        found.setdefault(name.strip(" \"'") if kind == "profile" and name else section, {}).update(
            parser.items(section)
        )
    return found


def active_profile(environ: Mapping[str, str], explicit: str | None) -> str:
    """Return the profile in force; an empty AWS_PROFILE counts as unset. botocore puts AWS_DEFAULT_PROFILE first."""
    return explicit or environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE") or "default"


def home_region(environ: Mapping[str, str], profiles: Profiles, profile: str) -> str:
    """Return the region to start from: AWS_REGION (botocore ignores it), AWS_DEFAULT_REGION, the profile's, or ''."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profiles.region(profile)


def identity_key(environ: Mapping[str, str], profiles: Profiles, profile: str) -> str:
    """Return a short name for the identity in force, for files kept per identity; nothing secret can be read from it.

    It changes with whatever may lead to another account: profile, its settings, the access key's id, the endpoint.
    """
    parts = [profile, environ.get("AWS_ENDPOINT_URL", ""), environ.get("AWS_ACCESS_KEY_ID", "")]
    for name in profiles.chain(profile):
        section = profiles.sections.get(name, {})
        parts += [f"{key}={section[key]}" for key in sorted(section) if key not in _SECRET_SETTINGS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def is_region_name(text: str) -> bool:
    """Whether the text has the shape of a region code."""
    return REGION_PATTERN.fullmatch(text) is not None


def partition_home(region: str) -> str:
    """Return the region of the same partition that no account can disable."""
    found = (home for prefix, home in _PARTITION_HOMES.items() if region.startswith(prefix))
    return next(found, "us-east-1")
