"""Database and cache clients: which is taken, which CA it may trust, and what is left of a password after it ran."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ec2menu.connectors.clients import (
    Client,
    find_ca,
    find_client,
    find_public_ca,
)
from ec2menu.connectors.engines import engine_of
from ec2menu.connectors.process import Completed
from ec2menu.errors import InvalidInput


def program_that_says(*words: str) -> Any:
    """Return a `run` that knows each program's version by name; what it does not know cannot be run."""
    said = dict(word.split("=", 1) for word in words)

    def run(argv: Sequence[str]) -> Completed:
        output = said.get(Path(argv[0]).name)
        return Completed(status=127 if output is None else 0, output=output or "")

    return run


# -- which client -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "installed", "preferred", "name", "dialect"),
    [
        ("postgres", "psql pgcli", "", "psql", "psql"),
        ("postgres", "pgcli", "", "pgcli", "pgcli"),
        ("postgres", "psql pgcli", "pgcli", "pgcli", "pgcli"),
        ("postgres", "psql", "pgcli", "psql", "psql"),
        ("postgres", "psql mysql", "mysql", "psql", "psql"),
        ("aurora-mysql", "mysql mariadb", "", "mysql", "mysql"),
        ("mariadb", "mysql mariadb", "", "mariadb", "mariadb"),
        ("aurora-mysql", "mycli", "", "mycli", "mycli"),
        ("redis", "valkey-cli", "", "valkey-cli", "valkey-cli"),
        ("valkey", "redis-cli valkey-cli", "", "valkey-cli", "valkey-cli"),
        ("sqlserver-ex", "sqlcmd", "", "sqlcmd", "sqlcmd"),
    ],
)
def test_the_preferred_client_is_taken_and_else_the_best_that_is_there(
    engine: str, installed: str, preferred: str, name: str, dialect: str
) -> None:
    paths = {each: f"/usr/bin/{each}" for each in installed.split()}
    found = find_client(engine_of(engine), paths.get, run=program_that_says("mysql=mysql Ver 8.4"), preferred=preferred)

    assert found == Client(name=name, program=f"/usr/bin/{name}", dialect=dialect)


@pytest.mark.parametrize("engine", ["postgres", "memcached", "neptune", "db2-se", "unheard-of"])
def test_no_client_is_found_where_none_is_installed_or_known(engine: str) -> None:
    everything_else = {name: f"/usr/bin/{name}" for name in ("vi", "sql", "mysql", "redis-cli")}

    assert find_client(engine_of(engine), everything_else.get, run=program_that_says()) is None


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("mysql  Ver 15.1 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64) using  EditLine wrapper", "mariadb"),
        ("mysql from 11.4.2-MariaDB, client 15.2 for Linux (x86_64)", "mariadb"),
        ("mysql  Ver 8.4.2 for Linux on x86_64 (MySQL Community Server - GPL)", "mysql"),
        ("no answer within 10 s", "mysql"),
    ],
)
def test_a_mysql_that_is_mariadbs_is_spoken_to_as_such(version: str, dialect: str) -> None:
    found = find_client(engine_of("mysql"), {"mysql": "/usr/bin/mysql"}.get, run=program_that_says(f"mysql={version}"))

    assert found == Client(name="mysql", program="/usr/bin/mysql", dialect=dialect)


@pytest.mark.parametrize(
    ("version", "is_found"), [("SQLcl: Release 24.3 Production", True), ("GNU sql 20221122", False)]
)
def test_a_program_named_sql_is_taken_only_where_it_is_oracles(version: str, *, is_found: bool) -> None:
    found = find_client(engine_of("oracle-ee"), {"sql": "/usr/bin/sql"}.get, run=program_that_says(f"sql={version}"))

    assert bool(found) is is_found


# -- the CA file ------------------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A config folder and a home, each with a CA file."""
    config, home = tmp_path / "config", tmp_path / "home"
    for path in (config / "global-bundle.pem", home / ".postgresql" / "root.crt"):
        path.parent.mkdir(parents=True)
        path.write_text("CA")
    return config, home


def test_a_configured_ca_file_comes_first(places: tuple[Path, Path], tmp_path: Path) -> None:
    mine = tmp_path / "mine.pem"
    mine.write_text("CA")

    assert find_ca(str(mine), *places, engine=engine_of("postgres")) == mine


def test_a_configured_ca_file_that_is_not_there_is_refused_and_never_ignored(places: tuple[Path, Path]) -> None:
    with pytest.raises(InvalidInput, match=r"there is no file /nowhere/ca\.pem") as refusal:
        find_ca("/nowhere/ca.pem", *places, engine=engine_of("postgres"))
    assert "rds_ca" in refusal.value.hint


def test_the_bundle_beside_the_config_comes_before_libpqs(places: tuple[Path, Path]) -> None:
    config, home = places

    assert find_ca("", config, home, engine=engine_of("postgres")) == config / "global-bundle.pem"
    (config / "global-bundle.pem").unlink()
    assert find_ca("", config, home, engine=engine_of("postgres")) == home / ".postgresql" / "root.crt"


def test_libpqs_ca_file_is_not_for_other_engines(places: tuple[Path, Path]) -> None:
    config, home = places
    (config / "global-bundle.pem").unlink()

    assert find_ca("", config, home, engine=engine_of("mysql")) is None


@pytest.mark.parametrize("engine", ["redis", "valkey", "memcached", "neptune"])
def test_the_ca_of_rds_is_not_for_caches_and_neptune(places: tuple[Path, Path], engine: str) -> None:
    assert find_ca("", *places, engine=engine_of(engine)) is None


def test_a_proxys_certificate_is_checked_by_what_the_system_trusts(tmp_path: Path) -> None:
    bundles = [tmp_path / "none.pem", tmp_path / "bundle.pem"]
    assert find_public_ca({}, bundles) is None
    bundles[1].write_text("CA")
    assert find_public_ca({"SSL_CERT_FILE": str(tmp_path / "gone.pem")}, bundles) == bundles[1]
    (tmp_path / "mine.pem").write_text("CA")
    assert find_public_ca({"SSL_CERT_FILE": str(tmp_path / "mine.pem")}, bundles) == tmp_path / "mine.pem"
