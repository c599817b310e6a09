"""Client programs of databases and caches: which one is here, which CA file it may trust, and running it.

How each is called over a tunnel, with TLS and without a password in sight, is in `client_calls`; the lines that a user
copies instead are in `client_lines`.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ec2menu.connectors.engines import EngineFacts, Family
from ec2menu.connectors.handover import make_private_directory, write_private
from ec2menu.connectors.process import Completed, run_in_foreground, undisturbed
from ec2menu.connectors.secrets import HiddenText, Password
from ec2menu.errors import ConnectorError, InvalidInput

LOCAL_HOST = "127.0.0.1"
CA_NAME = "global-bundle.pem"  # as AWS offers it for download
_SYSTEM_CA_FILES = (Path("/etc/ssl/certs/rds-global-bundle.pem"), Path("/etc/pki/tls/certs/rds-global-bundle.pem"))
# ElastiCache and Neptune have certificates of a public CA, which every system knows and RDS's bundle does not hold.
PUBLIC_CA = frozenset({Family.REDIS, Family.VALKEY, Family.MEMCACHED, Family.NEPTUNE, Family.TCP})
OWN_FILES = "/proc/self/fd"
IN_MEMORY = hasattr(os, "memfd_create") and Path(OWN_FILES).is_dir()
_SYSTEM_BUNDLES = tuple(
    map(
        Path,
        (
            "/etc/ssl/certs/ca-certificates.crt",  # Debian and what comes of it
            "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat, Amazon Linux
            "/etc/ssl/ca-bundle.pem",  # SUSE
            "/etc/ssl/cert.pem",  # macOS, Alpine
        ),
    )
)
_FILE_NAME = re.compile(r"login-(?P<pid>[0-9]+)-[0-9a-f]+\.cnf")


class LoginSource(StrEnum):
    """Where a password came from."""

    NONE = "none"
    IAM = "IAM token"
    SECRET = "secret"  # noqa: S105 - Secrets Manager, not a secret
    TYPED = "typed"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in; without a password the client asks for it, if anything asks for one."""

    user: str = ""
    password: Password | None = None
    source: LoginSource = LoginSource.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTarget:
    """A database or cache behind a tunnel that listens at 127.0.0.1:`local_port`.

    `tls` says that it is known to offer TLS, `requires_tls` that it takes nothing else.
    """

    engine: EngineFacts
    real_host: str
    local_port: int
    database: str = ""
    tls: bool = False
    requires_tls: bool = False

    def is_encrypted(self, login: Login) -> bool:
        """Whether to insist on TLS; a token of IAM is never sent without it."""
        return self.tls or self.requires_tls or login.source is LoginSource.IAM

    @property
    def database_or_default(self) -> str:
        """The database, or the one that is there where nobody named one."""
        return self.database or self.engine.default_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client program that is installed; `dialect` says whose flags it takes (a `mysql` may be MariaDB's)."""

    name: str
    program: str
    dialect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateFile:
    """A file that only its owner may read, to be written for a client and removed after it."""

    path: Path
    text: HiddenText


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCall:
    """How to run a client: its command, variables to set (None: to unset), files to write; nothing has happened yet.

    `asks_password` says that the client will ask for the password itself.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    files: tuple[PrivateFile, ...] = ()
    asks_password: bool = False


def find_client(
    engine: EngineFacts,
    which: Callable[[str], str | None],
    *,
    run: Callable[[Sequence[str]], Completed],
    preferred: str = "",
) -> Client | None:
    """Return the preferred client of an engine, or the best that is on PATH, or None.

    `run` asks a program what it is where its name does not say.
    """
    names = sorted(engine.clients, key=lambda name: name != preferred)
    return next((client for name in names if (client := _identify(name, which(name), run))), None)


def find_clients(
    engine: EngineFacts, which: Callable[[str], str | None], *, run: Callable[[Sequence[str]], Completed]
) -> Iterator[Client]:
    """Yield every client of an engine that is on PATH, the best first; as `find_client`."""
    return (client for name in engine.clients if (client := _identify(name, which(name), run)))


def _identify(name: str, program: str | None, run: Callable[[Sequence[str]], Completed]) -> Client | None:
    if program is None:
        return None
    dialect = name
    if name == "mysql" and "mariadb" in run((program, "--version")).output.lower():
        dialect = "mariadb"
    if name == "sql" and "sqlcl" not in run((program, "-V")).output.lower():
        return None  # GNU parallel installs another program of that name
    return Client(name=name, program=program, dialect=dialect)


def find_ca(configured: str, config_folder: Path, home: Path, *, engine: EngineFacts) -> Path | None:
    """Return the file with the CA certificates of RDS, or None where there is none, or the engine needs none.

    Raises InvalidInput for a configured file that is not there: TLS is not to become weaker by a typing error.
    """
    if engine.family in PUBLIC_CA:
        return None
    if configured:
        path = Path(configured).expanduser()
        if not path.is_file():
            raise InvalidInput(f"there is no file {path} with CA certificates", hint="mend the setting rds_ca")
        return path.absolute()
    # The home of PostgreSQL's own clients, which would take it anyway; for others it may be anybody's CA.
    libpq = (home / ".postgresql" / "root.crt",) if engine.family is Family.POSTGRES else ()
    places = (config_folder / CA_NAME, *libpq, *_SYSTEM_CA_FILES)
    return next((path for path in places if path.is_file()), None)


def find_public_ca(environ: Mapping[str, str], bundles: Sequence[Path] = _SYSTEM_BUNDLES) -> Path | None:
    """Return the file with the CAs that this system trusts, which sign for RDS proxies; None where it has none."""
    named = (Path(environ["SSL_CERT_FILE"]),) if environ.get("SSL_CERT_FILE") else ()
    return next((path for path in (*named, *bundles) if path.is_file()), None)


def new_private_path(folder: Path) -> Path:
    """Return a new name for a private file; it holds our process id, so that what a crash leaves can be told."""
    return folder / f"login-{os.getpid()}-{secrets.token_hex(8)}.cnf"


def run_client(call: ClientCall, *, environ: Mapping[str, str], in_memory: bool = IN_MEMORY) -> int:
    """Give the terminal to a client until it ends; return its status (127: it could not be started).

    Its private files exist while it runs: in memory, so that nothing can be left of them, or where there is no such
    thing in their folder, removed on every path. Raises ConnectorError where one cannot be written.
    """
    environment = {name: value for name, value in environ.items() if name not in call.environment}
    environment |= {name: value for name, value in call.environment.items() if value is not None}
    argv, descriptors = call.argv, []
    try:
        for file in call.files:
            if not in_memory:
                _write(file)
                continue
            descriptors.append(_hold(file))
            argv = tuple(word.replace(str(file.path), f"{OWN_FILES}/{descriptors[-1]}") for word in argv)
        return run_in_foreground(argv, environment=environment, descriptors=descriptors)
    finally:
        with undisturbed():
            for descriptor in descriptors:
                os.close(descriptor)
            for file in call.files:
                _remove(file.path)


def _hold(file: PrivateFile) -> int:
    """Return the descriptor of a file in memory (memfd) that holds a private file's text."""
    descriptor = os.memfd_create(file.path.name)
    try:
        os.fchmod(descriptor, 0o600)  # MySQL's programs leave out what everybody may write
        with open(descriptor, "w", encoding="utf-8", closefd=False) as stream:
            stream.write(file.text)
    except ValueError:  # its own text quotes from the password
        os.close(descriptor)
        raise ConnectorError("The password has characters that are no text.") from None
    return descriptor


def _write(file: PrivateFile) -> None:
    folder = make_private_directory(file.path.parent)
    remove_leftovers(folder)
    try:
        write_private(file.path, file.text)
    except OSError as error:
        raise ConnectorError(f"Cannot write a private file in {folder}: {error.strerror}.") from error
    except ValueError:  # its own text quotes from the password
        raise ConnectorError("The password has characters that are no text.") from None


def remove_leftovers(folder: Path) -> None:
    """Remove the private files of processes that were killed (not on Windows, where none can be asked for)."""
    for path in folder.glob("login-*.cnf") if os.name == "posix" else ():
        name = _FILE_NAME.fullmatch(path.name)
        if name and not _is_alive(int(name["pid"])):
            _remove(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
