"""Lines to copy where no client is started: a command, a URL, a JDBC URL, and the fields of a graphical client.

None of them has a password in it. Where a client cannot be told both the tunnel's address and the certificate's name,
its line checks who signed the certificate and not the name.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from ec2menu.connectors.client_calls import client_call
from ec2menu.connectors.clients import LOCAL_HOST, PUBLIC_CA, Client, ClientTarget, Login, LoginSource
from ec2menu.connectors.engines import Family

Line = tuple[str, str]
_NOWHERE = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A target, who logs in, and the CA file where TLS is insisted on."""

    target: ClientTarget
    login: Login
    ca_file: Path | None

    @property
    def family(self) -> Family:
        return self.target.engine.family

    @property
    def is_encrypted(self) -> bool:
        return self.target.is_encrypted(self.login)

    @property
    def port(self) -> int:
        return self.target.local_port


def copy_lines(
    target: ClientTarget, login_user: str, *, ca_file: Path | None, source: LoginSource = LoginSource.NONE
) -> tuple[Line, ...]:
    """Return what can be copied to reach a target through its tunnel, as pairs of title and text; best first.

    `source` matters where it is IAM: a token needs TLS, and a flag of mysql's.
    """
    login = Login(user=login_user, source=source)
    way = _Way(target=target, login=login, ca_file=ca_file if target.is_encrypted(login) else None)
    found = (
        *_commands(way),
        ("URL", _url(way)),
        ("JDBC", _jdbc(way)),
        ("host", LOCAL_HOST),
        ("port", str(way.port)),
        ("database", target.database_or_default),
        ("user", login_user),
        ("TLS", _tls_note(way)),
    )
    return tuple((title, text) for title, text in found if text)


# -- commands ---------------------------------------------------------------------------------------------------------


def _commands(way: _Way) -> Iterator[Line]:
    """Yield command lines that ask for the password; of MySQL both, for their flags differ and either may be there."""
    for name in way.target.engine.clients[: 2 if way.family in (Family.MYSQL, Family.MARIADB) else 1]:
        client = Client(name=name, program=name, dialect=name)
        call = client_call(client, way.target, way.login, ca_file=way.ca_file, environ={}, folder=_NOWHERE)
        yield name, shlex.join(call.argv)
    if way.family in _OTHER_COMMANDS:
        yield from _OTHER_COMMANDS[way.family](way)


def _db2_commands(way: _Way) -> Iterator[Line]:
    database = way.target.database or "DATABASE"
    yield "db2 node", shlex.join(["db2", f"catalog tcpip node ec2menu remote {LOCAL_HOST} server {way.port}"])
    yield "db2 database", shlex.join(["db2", f"catalog database {database} at node ec2menu"])
    yield "db2", shlex.join(["db2", f"connect to {database} user {way.login.user or way.target.engine.default_user}"])


def _neptune_commands(way: _Way) -> Iterator[Line]:
    where = f"{way.target.real_host}:{way.port}"
    yield "curl", shlex.join(["curl", "--resolve", f"{where}:{LOCAL_HOST}", f"https://{where}/status"])


def _memcached_commands(way: _Way) -> Iterator[Line]:
    if way.is_encrypted:
        server = ["-connect", f"{LOCAL_HOST}:{way.port}", "-servername", way.target.real_host]
        yield "openssl", shlex.join(["openssl", "s_client", "-quiet", *server])
    else:
        yield "nc", shlex.join(["nc", LOCAL_HOST, str(way.port)])


_OTHER_COMMANDS = {
    Family.DB2: _db2_commands,
    Family.NEPTUNE: _neptune_commands,
    Family.MEMCACHED: _memcached_commands,
}

# -- URLs -------------------------------------------------------------------------------------------------------------


def _url(way: _Way) -> str:
    target, scheme = way.target, way.target.engine.url_scheme
    if not scheme:
        return ""
    host, path = LOCAL_HOST, f"/{quote(target.database_or_default, safe='')}"
    who = f"{quote(way.login.user, safe='')}@" if way.login.user else ""
    match way.family:
        case Family.POSTGRES:
            host = target.real_host  # to be verified; the parameter hostaddr leads to the tunnel
        case Family.REDIS | Family.VALKEY:
            scheme, path = ("rediss" if way.is_encrypted else scheme), f"/{target.database or 0}"
        case Family.NEPTUNE:
            who, path = "", "/gremlin"
        case Family.SQLSERVER:
            path = ""
    parameters = urlencode(_url_parameters(way), quote_via=quote)
    return f"{scheme}://{who}{host}:{way.port}{path}{'?' if parameters else ''}{parameters}"


def _url_parameters(way: _Way) -> dict[str, str]:
    fixed, tls = {}, {}
    match way.family:
        case Family.POSTGRES:
            fixed = {"hostaddr": LOCAL_HOST}
            tls = {"sslmode": "verify-full", "sslrootcert": str(way.ca_file)}
            tls = tls if way.ca_file else {"sslmode": "require"}
        case Family.MYSQL | Family.MARIADB:
            tls = {"ssl-mode": "VERIFY_CA", "ssl-ca": str(way.ca_file)}
            tls = tls if way.ca_file else {"ssl-mode": "REQUIRED"}
        case Family.SQLSERVER:
            fixed = {"database": way.target.database_or_default}
            tls = {"encrypt": "true", "trustServerCertificate": "true"}
        case Family.DOCDB:
            fixed = {"retryWrites": "false", "directConnection": "true"}
            tls = {"tls": "true", "tlsAllowInvalidHostnames": "true", "tlsCAFile": str(way.ca_file)}
            tls = tls if way.ca_file else {"tls": "true", "tlsAllowInvalidCertificates": "true"}
    return fixed | (tls if way.is_encrypted else {})


def _jdbc(way: _Way) -> str:
    """Return a JDBC URL; Java's drivers check a name only against the address, so none of these asks them to."""
    database = quote(way.target.database_or_default, safe="")
    url = way.target.engine.jdbc.format(port=way.port, database=database)
    return url + (_jdbc_tls(way.family, way.ca_file) if url and way.is_encrypted else "")


def _jdbc_tls(family: Family, ca_file: Path | None) -> str:
    ca = quote(str(ca_file), safe="/:")
    signed = {
        Family.POSTGRES: f"?sslmode=verify-ca&sslrootcert={ca}",
        Family.MARIADB: f"?sslMode=verify-ca&serverSslCert={ca_file}",
        Family.DOCDB: f"?tls=true&tlsAllowInvalidHostnames=true&tlsCAFile={ca}",
    }
    encrypted = {
        Family.POSTGRES: "?sslmode=require",
        Family.MARIADB: "?sslMode=trust",
        Family.MYSQL: "?sslMode=REQUIRED",
        Family.DOCDB: "?tls=true&tlsAllowInvalidHostnames=true",
        Family.SQLSERVER: ";encrypt=true;trustServerCertificate=true",
        Family.DB2: ":sslConnection=true;",
    }
    return (signed.get(family, "") if ca_file else "") or encrypted.get(family, "")


def _tls_note(way: _Way) -> str:
    """Say what to choose in a graphical client's TLS settings; Oracle has TLS at another port, if at all."""
    if way.family is Family.ORACLE:
        return ""
    if not way.is_encrypted:
        return "off" if way.family in PUBLIC_CA else "if the server offers it; not checked (no CA file)"
    trust = f"CA file {way.ca_file}" if way.ca_file else "certificate not checked (no CA file)"
    trust = "certificate checked by the system's CAs" if way.family in PUBLIC_CA else trust
    return f"on; {trust}; name not checked (it is {way.target.real_host})"
