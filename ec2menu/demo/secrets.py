"""The demo's secrets: those that RDS manages for its master users, and what else a database's login is kept in.

They are moto's Secrets Manager, which also answers for them; only an ARN cannot be chosen there, and is here. The
passwords open nothing.
"""

import json
from typing import Any

from ec2menu.demo.strict import ACCOUNT_ID

PASSWORD = "demo-password-that-opens-nothing"  # noqa: S105 - the demo's databases let everybody in


def add_login(arn: str, user: str) -> None:
    """Keep the login of a database in a secret with this ARN, in the form that RDS uses."""
    add_secret(arn, json.dumps({"username": user, "password": PASSWORD}))


def add_plain(region: str, name: str) -> str:
    """Keep a bare password under a name and return its ARN."""
    arn = f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:{name}-AbCdEf"
    add_secret(arn, PASSWORD)
    return arn


def add_secret(arn: str, value: str) -> None:
    """Keep a secret under an ARN (`…:secret:NAME-` and six characters), in place of what was there."""
    from moto.secretsmanager.models import secretsmanager_backends  # noqa: PLC0415 - imported when the server starts

    parts = arn.split(":", 6)
    region, name = parts[3], parts[6][: -len("-AbCdEf")]
    backend: Any = secretsmanager_backends[ACCOUNT_ID][region]
    backend.secrets.pop(name)
    backend.create_secret(
        name=name,
        secret_string=value,
        secret_binary=None,
        description=None,
        tags=None,
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )
    backend.secrets[name].arn = arn
