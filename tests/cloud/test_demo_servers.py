"""The toy servers at the far end of the demo's tunnels, each spoken to over a socket in its own protocol."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2menu.connectors.probes import QUESTIONS, Protocol
from ec2menu.demo.servers import make_server
from ec2menu.demo.servers.stream import LONGEST_LINE, Stream

LIMIT_SECONDS = 30
SPOKEN = ("postgres", "mysql", "redis", "memcached", "sqlserver", "oracle", "docdb", "neptune", "http", "")
_STARTUP = b"\0\x03\0\0user\0bob\0database\0x\0\0"
POSTGRES_STARTUP = struct.pack("!i", len(_STARTUP) + 4) + _STARTUP
NOTE = b"this is ec2menu's demo"


class Talk:
    """A connection to a server of its own: `say` sends, `hear` waits for a text and returns all up to it."""

    def __init__(self, **facts: str) -> None:
        near, far = socket.socketpair()
        near.settimeout(LIMIT_SECONDS)
        self.connection: socket.socket = near
        self.mishap: BaseException | None = None
        self.heard = b""
        stream = Stream(far, name="demo.example")
        self.thread = threading.Thread(target=self._serve, args=(stream, facts), daemon=True)
        self.thread.start()

    def _serve(self, stream: Stream, facts: dict[str, str]) -> None:
        try:
            make_server(facts)(stream)
        except OSError:
            pass
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.mishap = error
        finally:
            stream.close()

    def say(self, data: bytes) -> "Talk":
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # hung up on: what is heard will tell
            self.connection.sendall(data)
        return self

    def hear(self, text: bytes) -> bytes:
        while text not in self.heard:
            data = self._receive()
            assert data, f"hung up before {text!r}: {self.heard!r}"
            self.heard += data
        before, found, self.heard = self.heard.partition(text)
        return before + found

    def hear_the_end(self) -> bytes:
        while data := self._receive():
            self.heard += data
        return self.heard

    def hear_or_end(self, text: bytes) -> bytes:
        while text not in self.heard and (data := self._receive()):
            self.heard += data
        return self.heard

    def _receive(self) -> bytes:
        try:
            return self.connection.recv(65536)
        except ConnectionResetError:  # hung up on with bytes that nobody read
            return b""

    def turn_to_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.connection = context.wrap_socket(self.connection, server_hostname="demo.example")

    def close(self) -> None:
        self.connection.close()
        self.thread.join(LIMIT_SECONDS)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def open_talks() -> Iterator[Callable[..., Talk]]:
    """Give what opens talks, and see at the end that no server has failed."""
    opened: list[Talk] = []

    def open_talk(speaks: str, **facts: str) -> Talk:
        opened.append(Talk(speaks=speaks, **facts))
        return opened[-1]

    yield open_talk
    for each in opened:
        each.close()
    assert [each.mishap for each in opened if each.mishap] == []


@pytest.fixture
def talk() -> Iterator[Callable[..., Talk]]:
    with open_talks() as opener:
        yield opener


# -- whatever is said -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speaks", SPOKEN)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=300))
def test_no_bytes_make_a_server_fail(speaks: str, data: bytes) -> None:
    with open_talks() as opener:
        talk = opener(speaks).say(data)
        with contextlib.suppress(OSError):  # it may have hung up already
            talk.connection.shutdown(socket.SHUT_WR)
        talk.hear_the_end()


@pytest.mark.parametrize(
    ("speaks", "data"),
    [
        ("redis", b"*1\r\n$" + b"9" * 5000 + b"\r\n"),
        ("redis", b"x" * (LONGEST_LINE + 5000)),
        ("memcached", b"x" * (LONGEST_LINE + 5000)),
        ("postgres", b"\x7f\xff\xff\xff"),
        ("postgres", POSTGRES_STARTUP + b"Q\x7f\xff\xff\xff"),
        ("mysql", b"\xff\xff\xff\x01"),
        ("sqlserver", b"\x12\x01\x00\x01"),
    ],
)
def test_what_would_never_end_ends_the_connection(talk: Callable[..., Talk], speaks: str, data: bytes) -> None:
    talk(speaks).say(data).hear_the_end()


def test_what_is_not_spoken_is_held_and_not_answered(talk: Callable[..., Talk]) -> None:
    held = talk("", engine="oracle-se2").say(b"hello")
    held.connection.setblocking(False)
    with pytest.raises(BlockingIOError):
        held.connection.recv(1)


# -- Redis and Valkey -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"PING\r\n", b"+PONG\r\n"),
        (b"*1\r\n$4\r\nping\r\n", b"+PONG\r\n"),
        (b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n", b"$2\r\n\r\n\r\n"),
        (b"GET nothing\r\n", b"$-1\r\n"),
        (b"SET a 1\r\nGET a\r\n", b"+OK\r\n$1\r\n1\r\n"),
        (b"SET a1 x\r\nSET b1 y\r\nKEYS a*\r\nDBSIZE\r\n", b"*1\r\n$2\r\na1\r\n:2\r\n"),
        (b"SET a 1\r\nEXISTS a b\r\nDEL a b\r\nGET a\r\n", b":1\r\n:1\r\n$-1\r\n"),
        (b"HELLO 3\r\n", b"-NOPROTO "),
        (b"HELLO\r\n", b"*6\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n"),
        (b"AUTH user secret\r\nSELECT 0\r\nCLIENT SETINFO lib-name x\r\n", b"+OK\r\n+OK\r\n+OK\r\n"),
        (b"COMMAND DOCS\r\n", b"*0\r\n"),
        (b"INFO\r\n", b"valkey_version:8.0.1"),
        (b"FLUSHALL\r\n", b"-ERR " + NOTE),
        (b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n"),
        (b"\r\nPING\r\n", b"+PONG\r\n"),
    ],
)
def test_redis_answers_what_clients_say(talk: Callable[..., Talk], said: bytes, answer: bytes) -> None:
    talk("redis", engine="valkey", version="8.0.1").say(said).hear(answer)


def test_redis_says_goodbye(talk: Callable[..., Talk]) -> None:
    assert talk("redis").say(b"QUIT\r\n").hear_the_end() == b"+OK\r\n"


def test_a_redis_remembers_over_connections_and_two_do_not_share(talk: Callable[..., Talk]) -> None:
    server = make_server({"speaks": "redis"})
    answers = []
    for said in (b"SET a 1\r\nQUIT\r\n", b"GET a\r\nQUIT\r\n"):
        near, far = socket.socketpair()
        with near, far:
            near.sendall(said)
            server(Stream(far))
            answers.append(near.recv(4096))
    assert answers == [b"+OK\r\n+OK\r\n", b"$1\r\n1\r\n+OK\r\n"]
    talk("redis").say(b"GET a\r\n").hear(b"$-1\r\n")


@pytest.mark.parametrize("speaks", ["redis", "memcached"])
@pytest.mark.parametrize(
    ("mode", "with_tls", "without"), [("required", True, False), ("preferred", True, True), ("", False, True)]
)
def test_a_cache_takes_tls_as_its_mode_says(
    talk: Callable[..., Talk], speaks: str, mode: str, with_tls: bool, without: bool
) -> None:
    said, answer = {"redis": (b"PING\r\n", b"+PONG"), "memcached": (b"version\r\n", b"VERSION ")}[speaks]
    plain = talk(speaks, tls=mode).say(said)
    assert (answer in plain.hear_or_end(answer)) is without
    secret = talk(speaks, tls=mode)
    if with_tls:
        secret.turn_to_tls()
        secret.say(said).hear(answer)
    else:
        with pytest.raises(OSError, match=r"EOF|reset|closed|SSL"):
            secret.turn_to_tls()


# -- the others -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"version\r\n", b"VERSION 1.6.22\r\n"),
        (b"set a 5 0 2\r\nhi\r\nget a b\r\n", b"STORED\r\nVALUE a 5 2\r\nhi\r\nEND\r\n"),
        (b"set a 0 0 2 noreply\r\nhi\r\ngets a\r\n", b"VALUE a 0 2 1\r\nhi\r\nEND\r\n"),
        (
            b"replace a 0 0 1\r\nx\r\nadd a 0 0 1\r\nx\r\nadd a 0 0 1\r\nx\r\n",
            b"NOT_STORED\r\nSTORED\r\nNOT_STORED\r\n",
        ),
        (b"set a 0 0 1\r\nx\r\ndelete a\r\ndelete a\r\n", b"STORED\r\nDELETED\r\nNOT_FOUND\r\n"),
        (b"set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\n", b"STORED\r\nOK\r\nEND\r\n"),
        (b"stats\r\n", b"STAT note " + NOTE + b"\r\nEND\r\n"),
        (b"set a 0 0 99999999\r\n", b"SERVER_ERROR object too large for cache\r\n"),
        (b"set a\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        (b"nonsense\r\n", b"ERROR\r\n"),
    ],
)
def test_memcached_answers_what_clients_say(talk: Callable[..., Talk], said: bytes, answer: bytes) -> None:
    talk("memcached", version="1.6.22").say(said).hear(answer)


def test_memcached_hangs_up_when_told_to(talk: Callable[..., Talk]) -> None:
    assert talk("memcached").say(b"quit\r\n").hear_the_end() == b""


def test_sqlserver_answers_the_prelogin_and_refuses_the_login(talk: Callable[..., Talk]) -> None:
    client = talk("sqlserver", version="16.00.4135.4.v1")
    client.say(bytes.fromhex("1201001a00000000 00000b0006 0100110001 ff 000000000000 02"))
    answer = client.hear(bytes.fromhex("10001027000002"))
    kind, status, length = struct.unpack("!BBH", answer[:4])
    assert (kind, status, length) == (4, 1, len(answer))
    client.say(b"\x10\x01\x00\x0c\0\0\0\0abcd")
    assert NOTE.decode().encode("utf-16-le") in client.hear_the_end()


def test_http_has_one_page_that_says_what_it_is(talk: Callable[..., Talk]) -> None:
    client = talk("http", name="app\x1b[31m").say(b"GET /anything HTTP/1.1\r\nHost: localhost\r\n\r\n")
    page = client.hear_the_end()
    assert page.startswith(b"HTTP/1.1 200 OK\r\n")
    assert NOTE in page
    assert b"\x1b" not in page


# -- what answers one question and no more --------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [Protocol.ORACLE, Protocol.DOCDB, Protocol.NEPTUNE])
def test_a_probe_is_answered_with_the_note(protocol: Protocol) -> None:
    with open_talks() as open_talk:
        assert NOTE in open_talk(protocol.value).say(QUESTIONS[protocol]).hear(NOTE)
