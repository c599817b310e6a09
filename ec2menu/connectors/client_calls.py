"""How each client is called over a tunnel: TLS as strict as its flags allow, the password out of every argument.

The tunnel ends at 127.0.0.1 and the certificate carries the real name. libpq can be told both; the others check who
signed the certificate, where they can be told a CA, and not the name. Nothing is run here, and no file is written.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ec2menu.connectors.clients import (
    LOCAL_HOST,
    Client,
    ClientCall,
    ClientTarget,
    Login,
    LoginSource,
    PrivateFile,
    new_private_path,
)
from ec2menu.connectors.secrets import HiddenText, Password
from ec2menu.errors import ConnectorError, InvalidInput

# MySQL's programs read option files by lines of 4096 bytes.
LONGEST_OPTION_BYTES = 3800
_MYSQL_OPTION_FILES = (Path("/etc/my.cnf"), Path("/etc/mysql/my.cnf"))
_OPTION_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b"})
# pgcli and mycli put what they logged in with into the keyring, for ever; that is the user's to ask for.
_NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """All that a call is made of."""

    client: Client
    target: ClientTarget
    login: Login
    ca_file: Path | None
    environ: Mapping[str, str]
    folder: Path

    @property
    def is_encrypted(self) -> bool:
        return self.target.is_encrypted(self.login)

    @property
    def trusted(self) -> Path | None:
        """The CA file, where TLS is insisted on."""
        return self.ca_file if self.is_encrypted else None

    def variables(self, *names: str) -> dict[str, str | None]:
        """Return the password in the environment variables `names`; nothing where there is none."""
        return {} if self.login.password is None else dict.fromkeys(names, self.login.password.reveal())


def client_call(
    client: Client,
    target: ClientTarget,
    login: Login,
    *,
    ca_file: Path | None,
    environ: Mapping[str, str],
    folder: Path,
) -> ClientCall:
    """Return how to call a client for a target; `folder` is where a private file may go, `environ` the user's own.

    `ca_file` is what `find_ca` returned for the engine. Raises InvalidInput for what no program can be given.
    """
    password = login.password.reveal() if login.password else ""
    if any("\0" in text for text in (login.user, target.database, target.real_host, password)):
        raise InvalidInput("a user, password or database cannot have a null character in it")
    if client.dialect not in _BUILDERS:
        raise ConnectorError(f"ec2menu cannot start {client.name}")
    order = _Order(client=client, target=target, login=login, ca_file=ca_file, environ=environ, folder=folder)
    return _BUILDERS[client.dialect](order)


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def conninfo(target: ClientTarget, login: Login, ca_file: Path | None) -> str:
    """Return libpq's connection string: the name to verify is the real one, the address is the tunnel's."""
    values = {
        "host": target.real_host,
        "hostaddr": LOCAL_HOST,
        "port": str(target.local_port),
        "dbname": target.database_or_default,
        "user": login.user,
    }
    if target.is_encrypted(login):  # else libpq's own default, or what PGSSLMODE says
        values["sslmode"] = "verify-full" if ca_file else "require"
        values["sslrootcert"] = str(ca_file or "")
    return " ".join(f"{name}={_quote_conninfo(value)}" for name, value in values.items() if value)


def _quote_conninfo(value: str) -> str:
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


def _psql(order: _Order) -> ClientCall:
    return ClientCall(
        argv=(order.client.program, conninfo(order.target, order.login, order.ca_file)),
        environment=order.variables("PGPASSWORD"),
        asks_password=order.login.password is None,
    )


def _pgcli(order: _Order) -> ClientCall:
    call = _psql(order)
    return ClientCall(argv=call.argv, environment={**call.environment, **_NO_KEYRING}, asks_password=call.asks_password)


# -- MySQL and MariaDB ------------------------------------------------------------------------------------------------


def _mysql(order: _Order) -> ClientCall:
    """Call Oracle's mysql: VERIFY_IDENTITY would compare the certificate's name with 127.0.0.1, so VERIFY_CA is it."""
    tls = ["--ssl-mode=REQUIRED" if order.is_encrypted else "--ssl-mode=PREFERRED"]
    if order.trusted:
        tls = ["--ssl-mode=VERIFY_CA", f"--ssl-ca={order.trusted}"]
    if order.login.source is LoginSource.IAM:
        tls.append("--enable-cleartext-plugin")  # how a token travels, inside TLS
    return _mysql_call(order, tls)


def _mariadb(order: _Order) -> ClientCall:
    """Call MariaDB's client: with a CA file it checks who signed, and by the last flag not the name.

    Newer ones (11.4) compare the name unless told not to; older ones accept the flag and take `--ssl` as a wish only.
    """
    tls = ["--ssl"] if order.is_encrypted else []
    if order.trusted:
        tls.append(f"--ssl-ca={order.trusted}")
    return _mysql_call(order, [*tls, "--skip-ssl-verify-server-cert"])


def _mysql_call(order: _Order, tls: list[str]) -> ClientCall:
    target, login = order.target, order.login
    arguments = [f"--host={LOCAL_HOST}", f"--port={target.local_port}", "--protocol=TCP", *tls]
    arguments += [f"--user={login.user}"] if login.user else []
    arguments += [f"--database={target.database}"] if target.database else []
    if login.password is None:
        argv = (order.client.program, *arguments, "--password")  # without a value: it asks
        return ClientCall(argv=argv, asks_password=True)
    if len(login.password.reveal().translate(_OPTION_ESCAPES).encode(errors="replace")) > LONGEST_OPTION_BYTES:
        argv = (order.client.program, "--no-defaults", *arguments)
        return ClientCall(argv=argv, environment={**order.variables("MYSQL_PWD"), **_no_login_path(order.folder)})
    # --defaults-extra-file would be read before ~/.my.cnf, whose password then counts; so that one is included here.
    path = new_private_path(order.folder)
    text = mysql_options(login.password, _included(order.environ))
    return ClientCall(
        argv=(order.client.program, f"--defaults-file={path}", *arguments),
        environment=_no_login_path(order.folder),
        files=(PrivateFile(path=path, text=text),),
    )


def mysql_options(password: Password, included: tuple[Path, ...] = ()) -> HiddenText:
    """Return an option file: the user's own files first, then the password, which so counts."""
    lines = [*(f"!include {path}" for path in included), "[client]"]
    return HiddenText("\n".join([*lines, f'password="{password.reveal().translate(_OPTION_ESCAPES)}"', ""]))


def _included(environ: Mapping[str, str]) -> tuple[Path, ...]:
    own = (Path(environ["HOME"]) / ".my.cnf",) if environ.get("HOME") else ()
    return tuple(path for path in (*_MYSQL_OPTION_FILES, *own) if path.is_file())


def _no_login_path(folder: Path) -> dict[str, str | None]:
    """Keep Oracle's mysql from ~/.mylogin.cnf, which it reads last of all and whatever it is told."""
    return {"MYSQL_TEST_LOGIN_FILE": str(folder / "no-login-path")}


def _mycli(order: _Order) -> ClientCall:
    target, login = order.target, order.login
    argv = [order.client.program, "--host", LOCAL_HOST, "--port", str(target.local_port)]
    argv += ["--user", login.user] if login.user else []
    argv += ["--database", target.database] if target.database else []
    argv += ["--ssl-mode", "on"] if order.is_encrypted else []
    argv += ["--ssl-ca", str(order.trusted)] if order.trusted else []
    return ClientCall(
        argv=tuple(argv),
        environment={**order.variables("MYSQL_PWD"), **_NO_KEYRING},
        asks_password=login.password is None,
    )


# -- the others -------------------------------------------------------------------------------------------------------


def _sqlcmd(order: _Order) -> ClientCall:
    """Call sqlcmd (both of Microsoft's): the certificate is not checked, for its name would be compared with ours."""
    target, login = order.target, order.login
    argv = [order.client.program, "-S", f"tcp:{LOCAL_HOST},{target.local_port}"]
    argv += ["-U", login.user] if login.user else []
    argv += ["-d", target.database] if target.database else []
    argv += ["-N", "-C"] if order.is_encrypted else ["-C"]
    return ClientCall(
        argv=tuple(argv), environment=order.variables("SQLCMDPASSWORD"), asks_password=login.password is None
    )


def _sqlplus(order: _Order) -> ClientCall:
    """Call sqlplus or SQLcl; they take a password from an argument or the keyboard, so it is the keyboard."""
    target = order.target
    user = order.login.user or target.engine.default_user
    if not re.fullmatch(r"[A-Za-z][\w$#]*", user):
        user = f'"{user}"'
    where = f"//{LOCAL_HOST}:{target.local_port}/{target.database_or_default}"
    return ClientCall(argv=(order.client.program, "-L", f"{user}@{where}"), asks_password=True)


def _redis_cli(order: _Order) -> ClientCall:
    """Call redis-cli or valkey-cli: it checks who signed by the system's CAs and no name; the server goes by SNI."""
    target, login = order.target, order.login
    argv = [order.client.program, "-h", LOCAL_HOST, "-p", str(target.local_port)]
    argv += ["--tls", "--sni", target.real_host] if order.is_encrypted else []
    argv += ["--user", login.user] if login.user else []
    argv += ["-n", target.database] if target.database else []
    asks = bool(login.user) and login.password is None
    argv += ["--askpass"] if asks else []
    names = ("REDISCLI_AUTH", "VALKEYCLI_AUTH") if order.client.name == "valkey-cli" else ("REDISCLI_AUTH",)
    return ClientCall(argv=tuple(argv), environment=order.variables(*names), asks_password=asks)


def _mongosh(order: _Order) -> ClientCall:
    """Call mongosh; it takes a password from an argument or the keyboard, so it is the keyboard.

    DocumentDB refuses retryable writes, which are mongosh's default.
    """
    target, login = order.target, order.login
    argv = [order.client.program, "--host", LOCAL_HOST, "--port", str(target.local_port), "--retryWrites=false"]
    argv += ["--username", login.user] if login.user else []
    if order.trusted:
        argv += ["--tls", "--tlsAllowInvalidHostnames", "--tlsCAFile", str(order.trusted)]
    elif order.is_encrypted:
        argv += ["--tls", "--tlsAllowInvalidCertificates"]
    argv += [target.database] if target.database else []
    return ClientCall(argv=tuple(argv), asks_password=bool(login.user))


_BUILDERS: dict[str, Callable[[_Order], ClientCall]] = {
    "psql": _psql,
    "pgcli": _pgcli,
    "mysql": _mysql,
    "mariadb": _mariadb,
    "mycli": _mycli,
    "sqlcmd": _sqlcmd,
    "sqlplus": _sqlplus,
    "sql": _sqlplus,
    "redis-cli": _redis_cli,
    "valkey-cli": _redis_cli,
    "mongosh": _mongosh,
}
