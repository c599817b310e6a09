"""The toy PostgreSQL and MySQL of the demo, spoken to over a socket; real clients are in `test_demo_plugin_ports`."""

import struct
from collections.abc import Callable, Iterator

import pytest

from tests.cloud.test_demo_servers import NOTE, POSTGRES_STARTUP, Talk, open_talks

POSTGRES_TLS = bytes.fromhex("0000000804d2162f")


@pytest.fixture
def talk() -> Iterator[Callable[..., Talk]]:
    with open_talks() as opener:
        yield opener


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def query(text: str) -> bytes:
    body = text.encode() + b"\0"
    return b"Q" + struct.pack("!i", len(body) + 4) + body


@pytest.fixture
def postgres(talk: Callable[..., Talk]) -> Talk:
    inside = talk("postgres", version="16.4").say(POSTGRES_STARTUP)
    welcome = inside.hear(b"Z\0\0\0\x05I")
    assert welcome.startswith(b"R\0\0\0\x08\0\0\0\0")
    assert b"server_version\x0016.4\0" in welcome
    return inside


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("select version();", [b"PostgreSQL 16.4", b"SELECT 1\0"]),
        ("SELECT 1", [b"?column?", b"\0\0\0\x011"]),
        ("select current_user, current_database()", [b"bob", b"x"]),
        ("show server_version", [b"16.4", b"SHOW\0"]),
        ("begin; set x = 1; commit", [b"BEGIN\0", b"SET\0", b"COMMIT\0"]),
        ("", [b"I\0\0\0\x04"]),
        ("select * from orders", [b"SERROR", NOTE]),
        ("select 1, pi()", [b"SERROR"]),
        ("select 1; drop table x; select 1", [b"SELECT 1\0", b"SERROR"]),
    ],
)
def test_postgres_answers_a_few_queries_and_says_what_it_is_to_others(
    postgres: Talk, text: str, answers: list[bytes]
) -> None:
    postgres.say(query(text))
    answer = postgres.hear(b"Z\0\0\0\x05I")
    places = [answer.find(each) for each in answers]
    assert -1 not in places
    assert places == sorted(places)
    assert answer.count(b"SELECT 1\0") <= 1


def test_postgres_answers_extended_queries_with_one_error_up_to_the_sync(postgres: Talk) -> None:
    parse = b"P\0\0\0\x08\0\0\0\0"
    postgres.say(parse + b"B\0\0\0\x04" + b"E\0\0\0\x04" + b"S\0\0\0\x04")
    assert postgres.hear(b"Z\0\0\0\x05I").count(b"SERROR") == 1
    postgres.say(query("select 1")).hear(b"SELECT 1\0")


def test_postgres_hangs_up_when_told_to(postgres: Talk) -> None:
    assert postgres.say(b"X\0\0\0\x04").hear_the_end() == b""


def test_postgres_goes_on_in_tls_when_asked_and_refuses_gss(talk: Callable[..., Talk]) -> None:
    client = talk("postgres").say(bytes.fromhex("0000000804d21630"))
    assert client.hear(b"N") == b"N"
    assert client.say(POSTGRES_TLS).hear(b"S") == b"S"
    client.turn_to_tls()
    client.say(POSTGRES_STARTUP).hear(b"Z\0\0\0\x05I")


def test_postgres_ignores_a_request_to_cancel(talk: Callable[..., Talk]) -> None:
    assert talk("postgres").say(bytes.fromhex("0000001004d2162e0000000100000001")).hear_the_end() == b""


# -- MySQL and MariaDB ------------------------------------------------------------------------------------------------


def packet(body: bytes, number: int = 0) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def login(flags: int = 0x8208) -> bytes:
    return struct.pack("<IIB", flags, 1 << 24, 45) + bytes(23) + b"bob\0" + b"\x02pw" + b"shop\0"


@pytest.fixture
def mysql(talk: Callable[..., Talk]) -> Talk:
    inside = talk("mysql", engine="mysql", version="8.0.39")
    assert b"\x0a8.0.39\0" in inside.hear(b"mysql_native_password\0")
    inside.say(packet(login(), 1)).hear(packet(b"\0\0\0\x02\0\0\0", 2))
    return inside


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("select @@version_comment limit 1", [NOTE]),
        ("SELECT VERSION(), database(), user();", [b"\x068.0.39", b"\x04shop", b"\x0dbob@127.0.0.1"]),
        ("show databases", [b"\x04demo", b"\x12information_schema"]),
    ],
)
def test_mysql_answers_a_few_queries(mysql: Talk, text: str, answers: list[bytes]) -> None:
    mysql.say(packet(b"\x03" + text.encode()))
    end_of_columns, end_of_rows = b"\xfe\0\0\x02\0", b"\xfe\0\0\x02\0"
    mysql.hear(end_of_columns)
    rows = mysql.hear(end_of_rows)
    assert all(answer in rows for answer in answers)


def test_mysql_says_what_it_is_to_other_queries_and_commands(mysql: Talk) -> None:
    for command in (b"\x03select * from orders", b"\x16select ?", b"\x03select 1, pi()"):
        assert b"\xff\x51\x04#HY000" + NOTE in mysql.say(packet(command)).hear(NOTE)
        mysql.hear(b"show databases")


def test_mysql_can_be_pinged_and_left(mysql: Talk) -> None:
    mysql.say(packet(b"\x0e")).hear(packet(b"\0\0\0\x02\0\0\0", 1))
    mysql.say(packet(b"\x02other")).hear(packet(b"\0\0\0\x02\0\0\0", 1))
    mysql.say(packet(b"\x03select database()")).hear(b"\x05other")
    mysql.hear(b"\xfe\0\0\x02\0")
    assert mysql.say(packet(b"\x01")).hear_the_end() == b""


def test_mysql_goes_on_in_tls_when_asked(talk: Callable[..., Talk]) -> None:
    client = talk("mysql", engine="mariadb", version="10.11.9")
    assert b"5.5.5-10.11.9-MariaDB\0" in client.hear(b"mysql_native_password\0")
    client.say(packet(struct.pack("<IIB", 0x8A08, 1 << 24, 45) + bytes(23), 1))
    client.turn_to_tls()
    client.say(packet(login(0x8A08), 2)).hear(packet(b"\0\0\0\x02\0\0\0", 3))
