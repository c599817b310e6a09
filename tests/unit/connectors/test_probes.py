"""Probes against small servers: what each protocol is asked, and what counts as an answer."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ec2menu.connectors import probes
from ec2menu.connectors.probes import Health, Protocol, is_healthy, is_spoken, probe
from tests.ports import free_port

Handler = Callable[[socket.socket], None]
GREETING = bytes([10]) + b"8.0.39\0"


@contextlib.contextmanager
def server(handler: Handler) -> Iterator[int]:
    """Accept connections, hand each to the handler, then close it; yield the port."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.settimeout(10)
                handler(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def answering(answer: bytes, heard: list[bytes]) -> Handler:
    def handle(client: socket.socket) -> None:
        heard.append(client.recv(1024))
        client.sendall(answer)
        heard.append(client.recv(1024))

    return handle


def wait_for_the_end(client: socket.socket) -> None:
    while client.recv(1024):
        pass


QUESTIONS = {
    Protocol.POSTGRES: bytes([0, 0, 0, 8, 4, 210, 22, 47]),
    Protocol.REDIS: b"*1\r\n$4\r\nPING\r\n",
    Protocol.MEMCACHED: b"version\r\n",
}


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        (Protocol.POSTGRES, b"N"),
        (Protocol.POSTGRES, b"E\0\0\0\x04"),
        (Protocol.REDIS, b"+PONG\r\n"),
        (Protocol.REDIS, b"-NOAUTH Authentication required.\r\n"),
        (Protocol.REDIS, b"-DENIED Redis is running in protected mode"),
        (Protocol.MEMCACHED, b"VERSION 1.6.22\r\n"),
    ],
)
def test_a_server_that_answers_its_question_is_healthy_whatever_the_answer(protocol: Protocol, answer: bytes) -> None:
    heard: list[bytes] = []
    with server(answering(answer, heard)) as port:
        assert probe(protocol, port) is Health.ANSWERS
    assert heard == [QUESTIONS[protocol], b""]


def test_sql_server_is_asked_with_a_well_formed_prelogin_packet() -> None:
    heard: list[bytes] = []
    with server(answering(b"\x04\x01", heard)) as port:
        assert probe(Protocol.SQLSERVER, port) is Health.ANSWERS
    packet = heard[0]
    kind, status, length = packet[0], packet[1], int.from_bytes(packet[2:4])
    assert (kind, status, length) == (0x12, 1, len(packet))
    payload = packet[8:]
    options = [payload[place : place + 5] for place in (0, 5)]
    ends = [int.from_bytes(option[1:3]) + int.from_bytes(option[3:5]) for option in options]
    assert (payload[10], int.from_bytes(options[0][1:3]), ends) == (0xFF, 11, [17, len(payload)])


def test_oracle_is_asked_with_a_well_formed_connect_packet() -> None:
    heard: list[bytes] = []
    with server(answering(b"\0\x08\0\0\x04\0\0\0", heard)) as port:
        assert probe(Protocol.ORACLE, port) is Health.ANSWERS
    packet = heard[0]
    length, kind = int.from_bytes(packet[:2]), packet[4]
    text_bytes, text_at = int.from_bytes(packet[24:26]), int.from_bytes(packet[26:28])
    assert (length, kind, text_at + text_bytes) == (len(packet), 1, len(packet))
    assert packet[text_at:] == b"(CONNECT_DATA=(COMMAND=ping))"


@pytest.mark.parametrize("protocol", [Protocol.DOCDB, Protocol.NEPTUNE])
def test_what_has_tls_unless_somebody_switched_it_off_is_asked_without_it_then(protocol: Protocol) -> None:
    heard: list[bytes] = []

    def handle(client: socket.socket) -> None:
        heard.append(client.recv(4096))
        if heard[-1][:1] != b"\x16":
            client.sendall(b"something")

    with server(handle) as port:
        assert probe(protocol, port) is Health.ANSWERS
    assert [message[:1] == b"\x16" for message in heard] == [True, False]
    assert heard[1] == probes.QUESTIONS[protocol]


def test_documentdb_is_asked_with_a_well_formed_message() -> None:
    message = probes.QUESTIONS[Protocol.DOCDB]
    document = message[21:]
    assert (int.from_bytes(message[:4], "little"), int.from_bytes(message[12:16], "little")) == (len(message), 2013)
    assert (message[16:21], int.from_bytes(document[:4], "little"), document[-1]) == (bytes(5), len(document), 0)


@pytest.mark.parametrize("greeting", [GREETING, b"\xff\x6a\x04Host is blocked"], ids=["greeting", "error"])
def test_mysql_speaks_first(greeting: bytes) -> None:
    def greet(client: socket.socket) -> None:
        client.sendall(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        assert client.recv(1024) == b""

    with server(greet) as port:
        assert probe(Protocol.MYSQL, port) is Health.ANSWERS


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_that_says_nothing_is_silent_and_that_is_well_where_nobody_can_be_asked(protocol: Protocol) -> None:
    with server(wait_for_the_end) as port:
        assert probe(protocol, port, timeout_seconds=0.05) is Health.SILENT
    assert is_healthy(protocol, Health.SILENT) is (protocol is Protocol.TCP)
    assert is_spoken(protocol) is not is_healthy(protocol, Health.SILENT)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_that_hangs_up_is_not_healthy(protocol: Protocol) -> None:
    with server(lambda _client: None) as port:
        assert probe(protocol, port) is Health.HUNG_UP
    assert not is_healthy(protocol, Health.HUNG_UP)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_port_that_nobody_listens_on_is_closed(protocol: Protocol) -> None:
    assert probe(protocol, free_port()) is Health.REFUSED
    assert not is_healthy(protocol, Health.REFUSED)


# -- TLS --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that nobody should trust."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    folder: Path = tmp_path_factory.mktemp("tls")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=nobody.example")
    subprocess.run([openssl, "req", "-x509", "-days", "1", *kind, *files], check=True, capture_output=True)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return made


@pytest.mark.parametrize("server_name", ["master.cache.example", ""])
def test_a_cache_with_tls_is_asked_inside_tls_under_its_own_name(context: ssl.SSLContext, server_name: str) -> None:
    names: list[str | None] = []
    heard: list[bytes] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def handle(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as inside:
            answering(b"+PONG\r\n", heard)(inside)

    with server(handle) as port:
        assert probe(Protocol.REDIS, port, tls=True, server_name=server_name) is Health.ANSWERS
    assert (names, heard[0]) == ([server_name or None], QUESTIONS[Protocol.REDIS])


def test_postgresql_is_left_in_good_order_after_the_handshake_because_it_logs_who_is_not(
    context: ssl.SSLContext,
) -> None:
    done: list[bytes] = []

    def handle(client: socket.socket) -> None:
        client.recv(8)
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False) as inside:
            done.append(inside.recv(100))  # raises where the connection is just cut

    with server(handle) as port:
        assert probe(Protocol.POSTGRES, port) is Health.ANSWERS
    assert done == [b""]


def test_a_plain_answer_to_a_tls_question_is_an_answer() -> None:
    with server(answering(b"-ERR unknown command\r\n", [])) as port:
        assert probe(Protocol.REDIS, port, tls=True) is Health.ANSWERS


@pytest.mark.parametrize(
    ("handler", "seconds", "health"),
    [(wait_for_the_end, 0.2, Health.SILENT), (lambda _: None, 60.0, Health.HUNG_UP)],
)
def test_tls_that_does_not_come_about_is_told_apart(handler: Handler, seconds: float, health: Health) -> None:
    with server(handler) as port:
        assert probe(Protocol.REDIS, port, tls=True, timeout_seconds=seconds) is health
