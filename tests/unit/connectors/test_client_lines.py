"""What is offered to be copied: commands, URLs, JDBC URLs and fields, per engine."""

import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ec2menu.connectors.client_lines import copy_lines
from ec2menu.connectors.clients import ClientTarget, LoginSource
from ec2menu.connectors.engines import engine_of

HOST = "billing.abc123.us-east-1.rds.amazonaws.com"
CA = Path("/etc/rds ca.pem")
_IF_OFFERED = "if the server offers it; not checked (no CA file)"
ENGINES = ["postgres", "aurora-mysql", "mariadb", "sqlserver-ex", "oracle-ee", "db2-se", "docdb", "neptune"]
CACHES = ["redis", "valkey", "memcached"]


def lines(
    engine: str, user: str = "ann", *, ca_file: Path | None = CA, source: LoginSource = LoginSource.NONE, **more: Any
) -> dict[str, str]:
    facts = engine_of(engine)
    values: dict[str, Any] = {"real_host": HOST, "local_port": 45001, "tls": True}
    target = ClientTarget(engine=facts, **(values | more))
    return dict(copy_lines(target, user, ca_file=ca_file, source=source))


@pytest.mark.parametrize("engine", [*ENGINES, *CACHES, "unheard-of"])
def test_every_engine_has_the_fields_that_a_graphical_client_asks_for(engine: str) -> None:
    found = lines(engine, database="shop")

    assert (found["host"], found["port"], found["database"], found["user"]) == ("127.0.0.1", "45001", "shop", "ann")


@pytest.mark.parametrize("engine", [*ENGINES, *CACHES])
def test_every_known_engine_has_a_command_that_a_shell_takes_apart_as_it_was_meant(engine: str) -> None:
    title, command = next(iter(lines(engine, "o'neil", database="two words").items()))

    assert shlex.split(command)[0] == title.split()[0]
    assert "45001" in command


@pytest.mark.parametrize(
    ("engine", "titles"),
    [
        ("postgres", ["psql", "URL", "JDBC"]),
        ("aurora-mysql", ["mysql", "mariadb", "URL", "JDBC"]),
        ("mariadb", ["mariadb", "mysql", "URL", "JDBC"]),
        ("oracle-ee", ["sqlplus", "URL", "JDBC"]),
        ("db2-se", ["db2 node", "db2 database", "db2", "URL", "JDBC"]),
        ("neptune", ["curl", "URL"]),
        ("valkey", ["valkey-cli", "URL"]),
        ("memcached", ["openssl"]),
        ("unheard-of", []),
    ],
)
def test_the_best_line_comes_first_and_the_fields_last(engine: str, titles: list[str]) -> None:
    assert [title for title in lines(engine) if title not in ("host", "port", "database", "user", "TLS")] == titles


def test_the_postgres_lines_verify_the_name_where_they_can_be_told_it() -> None:
    found = lines("postgres", database="shop")
    url = urlsplit(found["URL"])

    assert found["psql"].startswith(f"psql 'host={HOST} hostaddr=127.0.0.1 port=45001 dbname=shop user=ann")
    assert (url.hostname, url.port, url.username, url.path) == (HOST, 45001, "ann", "/shop")
    assert parse_qs(url.query) == {"hostaddr": ["127.0.0.1"], "sslmode": ["verify-full"], "sslrootcert": [str(CA)]}
    assert found["JDBC"] == "jdbc:postgresql://127.0.0.1:45001/shop?sslmode=verify-ca&sslrootcert=/etc/rds%20ca.pem"
    assert found["TLS"] == f"on; CA file {CA}; name not checked (it is {HOST})"


def test_what_is_special_in_urls_is_escaped() -> None:
    url = urlsplit(lines("mysql", "a:b@c/d", database="x/y?z")["URL"])

    assert (url.hostname, url.port, url.username, url.path) == ("127.0.0.1", 45001, "a%3Ab%40c%2Fd", "/x%2Fy%3Fz")


@pytest.mark.parametrize("engine", ["postgres", "mysql", "mariadb", "docdb", "redis", "memcached", "db2-se"])
def test_without_tls_nothing_speaks_of_it_but_the_note(engine: str) -> None:
    found = lines(engine, tls=False)

    assert found.pop("TLS") == ("off" if engine in ("redis", "memcached") else _IF_OFFERED)
    text = " ".join(found.values()).lower()
    assert "ssl-ca" not in text
    assert "sslmode" not in text
    assert "tls" not in text
    assert "rediss:" not in text


@pytest.mark.parametrize(
    ("engine", "ca_file", "ending"),
    [
        ("mysql", CA, "?sslMode=REQUIRED"),
        ("mariadb", CA, f"?sslMode=verify-ca&serverSslCert={CA}"),
        ("mariadb", None, "?sslMode=trust"),
        ("postgres", None, "?sslmode=require"),
        ("sqlserver-ex", None, ";databaseName=master;encrypt=true;trustServerCertificate=true"),
        ("docdb", None, "?tls=true&tlsAllowInvalidHostnames=true"),
        ("db2-se", None, "/:sslConnection=true;"),
        ("oracle-ee", CA, "@//127.0.0.1:45001/ORCL"),
    ],
)
def test_each_jdbc_driver_is_asked_for_tls_in_its_own_words(engine: str, ca_file: Path | None, ending: str) -> None:
    assert lines(engine, ca_file=ca_file)["JDBC"].endswith(ending)


@pytest.mark.parametrize(("tls", "scheme"), [(True, "rediss"), (False, "redis")])
def test_a_caches_url_says_whether_it_speaks_tls(tls: bool, scheme: str) -> None:
    assert lines("redis", "", tls=tls, ca_file=None)["URL"] == f"{scheme}://127.0.0.1:45001/0"
    assert lines("redis", "", tls=tls, ca_file=None, database="3")["URL"] == f"{scheme}://127.0.0.1:45001/3"


def test_a_token_of_iam_brings_its_own_flags_along() -> None:
    found = lines("mysql", source=LoginSource.IAM, tls=False, ca_file=None)

    assert "--enable-cleartext-plugin" in found["mysql"]
    assert "--ssl-mode=REQUIRED" in found["mysql"]


def test_neptune_is_reached_by_its_real_name_at_the_tunnels_address() -> None:
    command = shlex.split(lines("neptune")["curl"])

    assert command == ["curl", "--resolve", f"{HOST}:45001:127.0.0.1", f"https://{HOST}:45001/status"]
