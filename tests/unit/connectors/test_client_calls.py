"""How each client is called over a tunnel: TLS, quoting, and that a password is never in an argument."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ec2menu.connectors.client_calls import client_call, conninfo, mysql_options
from ec2menu.connectors.clients import Client, ClientCall, ClientTarget, Login, LoginSource
from ec2menu.connectors.engines import engine_of
from ec2menu.connectors.secrets import Password
from ec2menu.errors import ConnectorError, InvalidInput

HOST = "billing.abc123.us-east-1.rds.amazonaws.com"
CA = Path("/etc/rds ca.pem")
HUSH = Password("hush")
ANN = Login(user="ann", password=HUSH, source=LoginSource.TYPED)
TOKEN = Login(user="ann", password=HUSH, source=LoginSource.IAM)
ASKED = Login(user="ann")
NASTY = [
    "plain",
    "two words",
    'quote"',
    "it's",
    "back\\slash\\n",
    "#hash",
    " edges ",
    "a\tb\nc\rd\be",
    "비밀번호",
    "\\",
]
EVERY_CLIENT = [
    (engine, name)
    for engine in ("postgres", "mysql", "mariadb", "sqlserver-ex", "oracle-ee", "docdb", "redis", "valkey")
    for name in engine_of(engine).clients
]


def a_target(engine: str = "postgres", **more: Any) -> ClientTarget:
    facts = engine_of(engine)
    values: dict[str, Any] = {
        "real_host": HOST,
        "local_port": 45001,
        "tls": True,
    } | more
    return ClientTarget(engine=facts, **values)


def call(
    name: str,
    target: ClientTarget,
    login: Login = ANN,
    *,
    ca_file: Path | None = CA,
    dialect: str = "",
    environ: Mapping[str, str] | None = None,
) -> ClientCall:
    client = Client(name=name, program=f"/usr/bin/{name}", dialect=dialect or name)
    return client_call(client, target, login, ca_file=ca_file, environ=environ or {}, folder=Path("/run/ec2menu"))


def test_psql_verifies_the_real_name_at_the_tunnels_address() -> None:
    argv = call("psql", a_target(database="shop")).argv

    where = f"host={HOST} hostaddr=127.0.0.1 port=45001 dbname=shop user=ann"
    assert argv == ("/usr/bin/psql", f"{where} sslmode=verify-full sslrootcert='/etc/rds ca.pem'")


@pytest.mark.parametrize(
    ("tls", "requires_tls", "login", "ca_file", "mode"),
    [
        (False, False, ANN, None, ""),
        (False, False, ANN, CA, ""),
        (True, False, ANN, None, "require"),
        (False, True, ANN, None, "require"),
        (False, False, TOKEN, None, "require"),
        (False, True, ANN, CA, "verify-full"),
        (False, False, TOKEN, CA, "verify-full"),
    ],
)
def test_psql_insists_on_tls_where_it_is_known_required_or_a_token_travels(
    tls: bool,
    requires_tls: bool,
    login: Login,
    ca_file: Path | None,
    mode: str,
) -> None:
    text = conninfo(a_target(tls=tls, requires_tls=requires_tls), login, ca_file)

    assert (f" sslmode={mode}" in text) if mode else ("ssl" not in text)
    assert ("sslrootcert" in text) == (mode == "verify-full")


def test_a_database_that_nobody_named_is_the_one_that_is_always_there() -> None:
    assert " dbname=postgres " in conninfo(a_target(), ANN, None)


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("two words", r"'two words'"),
        ("it's", r"'it\'s'"),
        ("back\\slash", r"'back\\slash'"),
        ("x host=evil", r"'x host=evil'"),
    ],
)
def test_a_connection_string_is_quoted_as_libpq_reads_it(value: str, quoted: str) -> None:
    assert f" dbname={quoted} user={quoted} " in conninfo(a_target(database=value), Login(user=value), None)


@pytest.mark.parametrize("name", ["psql", "pgcli"])
def test_postgres_clients_get_the_password_by_their_variable(name: str) -> None:
    assert call(name, a_target()).environment["PGPASSWORD"] == "hush"
    assert "PGPASSWORD" not in call(name, a_target(), ASKED).environment


@pytest.mark.parametrize(("engine", "name"), [("postgres", "pgcli"), ("mysql", "mycli")])
def test_a_client_that_would_keep_passwords_in_the_keyring_is_kept_from_it(engine: str, name: str) -> None:
    assert call(name, a_target(engine)).environment["PYTHON_KEYRING_BACKEND"] == "keyring.backends.null.Keyring"


@pytest.mark.parametrize(
    ("dialect", "login", "ca_file", "flags"),
    [
        ("mysql", ANN, CA, ["--ssl-mode=VERIFY_CA", f"--ssl-ca={CA}"]),
        ("mysql", ANN, None, ["--ssl-mode=REQUIRED"]),
        ("mysql", TOKEN, None, ["--ssl-mode=REQUIRED", "--enable-cleartext-plugin"]),
        ("mariadb", ANN, CA, ["--ssl", f"--ssl-ca={CA}", "--skip-ssl-verify-server-cert"]),
        ("mariadb", TOKEN, None, ["--ssl", "--skip-ssl-verify-server-cert"]),
    ],
)
def test_mysqls_and_mariadbs_clients_each_get_their_own_tls_flags(
    dialect: str, login: Login, ca_file: Path | None, flags: list[str]
) -> None:
    argv = call("mysql", a_target("mysql", database="wp"), login, ca_file=ca_file, dialect=dialect).argv

    assert argv[1].startswith("--defaults-file=/run/ec2menu/login-")  # only as the first argument it is understood
    assert list(argv[2:]) == [
        *("--host=127.0.0.1", "--port=45001", "--protocol=TCP", *flags, "--user=ann", "--database=wp"),
    ]


def test_without_tls_at_the_far_end_mysql_prefers_it_and_nothing_more() -> None:
    target = a_target("mysql", tls=False)

    assert "--ssl-mode=PREFERRED" in call("mysql", target).argv
    assert "--ssl" not in call("mariadb", target).argv


def test_without_a_password_mysql_asks() -> None:
    asking = call("mysql", a_target("mysql"), ASKED)

    assert asking.argv[-1] == "--password"
    assert asking.asks_password
    assert (asking.files, asking.environment) == ((), {})


def test_a_password_of_the_users_own_option_file_does_not_win(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\npassword=other\n")

    [file] = call("mysql", a_target("mysql"), environ={"HOME": str(tmp_path)}).files

    lines = file.text.splitlines()
    assert lines[-2:] == ["[client]", 'password="hush"']
    assert f"!include {tmp_path / '.my.cnf'}" in lines[:-2]


def test_mysql_is_kept_from_the_login_file_that_it_would_read_last() -> None:
    assert call("mysql", a_target("mysql")).environment == {"MYSQL_TEST_LOGIN_FILE": "/run/ec2menu/no-login-path"}


def test_a_token_too_long_for_an_option_files_line_goes_by_variable() -> None:
    long = Login(user="ann", password=Password("x" * 5000), source=LoginSource.IAM)

    made = call("mysql", a_target("mysql"), long)

    assert made.files == ()
    assert made.argv[1] == "--no-defaults"
    assert made.environment["MYSQL_PWD"] == "x" * 5000


@pytest.mark.skipif(
    not shutil.which("my_print_defaults"), reason="needs my_print_defaults: apt-get install mariadb-client"
)
@pytest.mark.parametrize("password", NASTY)
def test_mysqls_own_reader_finds_the_password_in_the_option_file(password: str, tmp_path: Path) -> None:
    own, path = tmp_path / "it's mine.cnf", tmp_path / "login.cnf"
    own.write_text("[client]\npassword=other\n")
    path.write_text(mysql_options(Password(password), (own,)), encoding="utf-8")
    argv = ["my_print_defaults", f"--defaults-file={path}", "client"]

    printed = subprocess.run(argv, capture_output=True, check=True).stdout

    assert printed.decode() == f"--password=other\n--password={password}\n"


def test_sqlcmd_encrypts_and_gets_the_password_by_its_variable() -> None:
    made = call("sqlcmd", a_target("sqlserver-ex", database="crm"))

    assert made.argv == ("/usr/bin/sqlcmd", "-S", "tcp:127.0.0.1,45001", "-U", "ann", "-d", "crm", "-N", "-C")
    assert made.environment == {"SQLCMDPASSWORD": "hush"}


@pytest.mark.parametrize(("user", "shown"), [("ann", "ann"), ("", "admin"), ("a/b@c", '"a/b@c"')])
def test_sqlplus_asks_for_the_password_itself(user: str, shown: str) -> None:
    made = call("sqlplus", a_target("oracle-ee", database="ERP"), Login(user=user, password=HUSH))

    assert made.argv == ("/usr/bin/sqlplus", "-L", f"{shown}@//127.0.0.1:45001/ERP")
    assert made.asks_password


def test_redis_cli_names_the_server_by_sni_and_trusts_the_systems_cas() -> None:
    made = call("redis-cli", a_target("redis"))

    assert made.argv == (
        "/usr/bin/redis-cli",
        "-h",
        "127.0.0.1",
        "-p",
        "45001",
        "--tls",
        "--sni",
        HOST,
        "--user",
        "ann",
    )
    assert made.environment == {"REDISCLI_AUTH": "hush"}


def test_a_cache_without_tls_users_and_password_needs_no_more_than_an_address() -> None:
    made = call("redis-cli", a_target("redis", tls=False), Login())

    assert made == ClientCall(argv=("/usr/bin/redis-cli", "-h", "127.0.0.1", "-p", "45001"))


def test_redis_cli_is_told_the_database_by_its_number() -> None:
    made = call("redis-cli", a_target("redis", tls=False, database="3"), Login())

    assert made.argv[-2:] == ("-n", "3")


def test_redis_cli_asks_where_a_user_has_no_password_yet() -> None:
    made = call("redis-cli", a_target("redis"), ASKED)

    assert made.argv[-3:] == ("--user", "ann", "--askpass")
    assert made.asks_password


def test_valkey_cli_gets_the_password_by_both_of_its_variables() -> None:
    assert call("valkey-cli", a_target("valkey")).environment == {"REDISCLI_AUTH": "hush", "VALKEYCLI_AUTH": "hush"}


@pytest.mark.parametrize(
    ("ca_file", "flags"),
    [
        (CA, ["--tls", "--tlsAllowInvalidHostnames", "--tlsCAFile", str(CA)]),
        (None, ["--tls", "--tlsAllowInvalidCertificates"]),
    ],
)
def test_mongosh_checks_who_signed_where_a_ca_file_is_there(ca_file: Path | None, flags: list[str]) -> None:
    made = call("mongosh", a_target("docdb", database="docs"), ca_file=ca_file)

    expected = ["--host", "127.0.0.1", "--port", "45001", "--retryWrites=false", "--username", "ann", *flags, "docs"]
    assert list(made.argv[1:]) == expected
    assert made.asks_password


@pytest.mark.parametrize(("engine", "name"), EVERY_CLIENT)
@pytest.mark.parametrize("source", LoginSource)
def test_no_client_gets_a_password_as_an_argument_and_no_call_shows_one(
    engine: str, name: str, source: LoginSource
) -> None:
    made = call(name, a_target(engine), Login(user="ann", password=HUSH, source=source))

    assert "hush" not in " ".join(made.argv)
    assert "hush" not in repr(made)
    handed_over = [*made.environment.values(), *(file.text for file in made.files)]
    assert made.asks_password or any("hush" in (text or "") for text in handed_over)


@pytest.mark.parametrize("login", [Login(user="a\0b"), Login(user="ann", password=Password("a\0b"))])
def test_what_no_program_can_be_given_is_refused(login: Login) -> None:
    with pytest.raises(InvalidInput, match="null character"):
        call("psql", a_target(), login)


def test_a_client_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConnectorError, match="cannot start vi"):
        call("vi", a_target())
