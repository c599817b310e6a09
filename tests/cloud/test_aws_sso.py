"""SSO profiles whose login is missing or over. In a process of their own: botocore fixes the token folder at import."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha1
from pathlib import Path

import pytest

URL = "https://corp.example/start"
ROLE_OF_SSO = "sso_account_id = 123456789012\nsso_role_name = ops\n"
CONFIG = f"""
[profile old-style]
sso_start_url = {URL}
sso_region = us-east-1
{ROLE_OF_SSO}
[profile new-style]
sso_session = corp
{ROLE_OF_SSO}
[sso-session corp]
sso_start_url = {URL}
sso_region = us-east-1

[profile role-over-old]
role_arn = arn:aws:iam::123456789012:role/ops
source_profile = old-style

[profile role-over-new]
role_arn = arn:aws:iam::123456789012:role/ops
source_profile = new-style
"""
PROGRAM = """
import json, os, sys
from ec2menu.aws.profiles import load_profiles
from ec2menu.aws.session import Aws
from ec2menu.errors import Ec2MenuError
found = {}
for name in sys.argv[1:]:
    aws = Aws(profile=name, explicit=True, home="us-east-1", profiles=load_profiles(os.environ), ask_mfa=str)
    try:
        aws.authenticate()
    except Ec2MenuError as error:
        found[name] = [type(error).__name__, error.message, error.hint, getattr(error, "sso_profile", None)]
print(json.dumps(found))
"""
LOGIN_OF = {
    "old-style": "old-style",
    "new-style": "new-style",
    "role-over-old": "old-style",
    "role-over-new": "new-style",
}


def failures(home: Path, environ: Mapping[str, str]) -> dict[str, list[str]]:
    kept = {name: value for name, value in environ.items() if not name.startswith("AWS_")}
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "config").write_text(CONFIG)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *LOGIN_OF],
        env=kept | {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == "", "a failing login prints nothing by itself"
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


def put_expired_tokens(home: Path) -> None:
    folder = home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True)
    token = {"startUrl": URL, "region": "us-east-1", "accessToken": "hush", "expiresAt": "2020-01-01T00:00:00Z"}
    for name in (URL, "corp"):
        (folder / f"{sha1(name.encode()).hexdigest()}.json").write_text(json.dumps(token))


@pytest.mark.parametrize("expired", [False, True], ids=["never logged in", "expired"])
def test_a_login_that_is_missing_or_over_names_the_profile_that_renews_it(tmp_path: Path, expired: bool) -> None:
    if expired:
        put_expired_tokens(tmp_path)
    found = failures(tmp_path, os.environ)
    assert {name: (kind, login) for name, (kind, _message, _hint, login) in found.items()} == {
        name: ("LoginExpired", login) for name, login in LOGIN_OF.items()
    }
    for name, login in LOGIN_OF.items():
        assert found[name][1] == "the SSO login has expired or was never made"
        assert found[name][2] == f"type: aws sso login --profile {login}"
