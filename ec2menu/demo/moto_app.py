"""Moto itself: brought up once per process, with the demo's actions put onto it; asked by WSGI, emptied by `reset`.

The only module that decides when moto is imported (1.5 s) and in which environment. Moto's data is global to the
process, so that two servers show the same account.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from ec2menu.demo import account, commands, ec2, ecs, elasticache, rds, sessions, ssm, strict
from ec2menu.demo.requests import Environ
from ec2menu.demo.strict import aws_error
from ec2menu.demo.wire import Reply

MODULES = (account, ec2, ssm, sessions, commands, rds, elasticache, ecs)
"""What puts actions onto moto, each by its `install()`."""

PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_OWN_HEADERS = frozenset({"content-length", "connection", "server", "date"})

_lock = Lock()
_started: list[Any] = []


def application() -> Any:
    """Return moto's WSGI application, imported and completed at the first call."""
    with _lock:
        if not _started:
            # Without this moto reads 1301 machine images into every region: 1.4 s and 100 MB.
            os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            with _no_profile():
                _started.append(_bring_up())
        return _started[0]


def reset() -> None:
    """Empty every service of moto's and everything that is kept beside it."""
    from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415 - imported when the server starts

    moto_api_backend.reset()
    strict.PerRegion.clear_all()


def carry_out(application: Any, environ: Environ, *, service: str) -> Reply:
    """Let moto answer a request; what it has not got comes back as a NotImplemented error instead of a stack trace."""
    try:
        return _ask(application, environ)
    except NotImplementedError as error:
        return error_reply(service, aws_error("NotImplemented", f"The demo does not have this: {error}", status=501))
    except Exception as error:  # noqa: BLE001 - whatever moto trips over must reach the client as an answer
        text = f"The demo failed: {type(error).__name__}: {error}"
        return error_reply(service, aws_error("InternalFailure", text, status=500))


def error_reply(service: str, error: strict.Refused) -> Reply:
    """Return a refusal as it goes over the wire."""
    status, content_type, body = strict.write_error(service, error)
    headers = (("Content-Type", content_type), ("X-Amzn-ErrorType", error.code))
    return Reply(status=status, headers=headers, body=body.encode())


def _ask(application: Any, environ: Environ) -> Reply:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = application(environ, lambda status, headers, *_: started.append((status, headers)))
    body = b"".join(chunks)
    status, headers = started[-1]
    kept = tuple((name, value) for name, value in headers if name.lower() not in _OWN_HEADERS)
    return Reply(status=int(status.split()[0]), headers=kept, body=body)


def _bring_up() -> Any:
    from moto.core.base_backend import AccountSpecificBackend  # noqa: PLC0415 - the import is what takes the time
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - the same
        DomainDispatcherApplication,
        create_backend_app,
    )

    # Moto keeps this session for good; made later it would trip over the user's AWS_PROFILE.
    AccountSpecificBackend.get_session()
    for module in MODULES:
        module.install()
    return DomainDispatcherApplication(create_backend_app)


@contextmanager
def _no_profile() -> Iterator[None]:
    """Hide the user's profile: moto makes boto3 sessions at import, which fail for one that does not exist."""
    hidden = {name: os.environ.pop(name) for name in PROFILE_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
