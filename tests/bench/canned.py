"""A strict and very fast AWS endpoint in a process of its own, for measuring clients and not servers.

`python -m tests.bench.canned --instances 10000 --regions 17 --latency-ms 50` serves until it is stopped and prints the
variables that lead a client there; `with Canned(...) as aws` does the same for a benchmark. All regions are at one
address: the credential scope tells them apart. Every answer comes `latency` after its request, whatever else is under
way. A GET of /stats says what was asked, as JSON; /stats?reset starts counting anew. One thread, an event loop.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self, cast

from tests.bench.answers import Refused, Reply, Request, answer, read_request, refuse
from tests.bench.fleet import DEFAULT_REGIONS, REGION_NAMES, RegionFleet, Size, render

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
_STATUS_LINES = {200: b"HTTP/1.1 200 OK\r\n", 400: b"HTTP/1.1 400 Bad Request\r\n"}


@dataclass(slots=True)
class Stats:
    """What was asked: calls by operation, the most under way at once, and how many were throttled."""

    calls: dict[str, int] = field(default_factory=dict)
    most_at_once: int = 0
    throttled: int = 0
    sent_bytes: int = 0


class Endpoint:
    """What all connections share: the fleet, the delay, the throttle, the counts."""

    def __init__(self, fleets: Mapping[str, RegionFleet], *, latency_seconds: float, throttle_every: int = 0) -> None:
        self.latency_seconds = latency_seconds
        self._fleets = fleets
        self._throttle_every = throttle_every
        self._ssm_calls = 0
        self._under_way = 0
        self._stats = Stats()
        self._cpu_seconds = time.process_time()

    def start(self, request: Request) -> Reply:
        """Count a call in and return its answer, to be sent when its time has come."""
        self._stats.calls[request.operation] = self._stats.calls.get(request.operation, 0) + 1
        self._under_way += 1
        self._stats.most_at_once = max(self._stats.most_at_once, self._under_way)
        if request.service == "ssm":
            self._ssm_calls += 1
            if self._throttle_every and self._ssm_calls % self._throttle_every == 0:
                self._stats.throttled += 1
                return refuse(request, Refused("ThrottlingException", "Rate exceeded"))
        return answer(request, self._fleets)

    def end(self, sent_bytes: int) -> None:
        """Count a call out."""
        self._under_way -= 1
        self._stats.sent_bytes += sent_bytes

    def report(self, *, reset: bool) -> bytes:
        """Return the counts as JSON, with the processor time that the server has used since the last reset."""
        text = json.dumps({**asdict(self._stats), "cpu_seconds": time.process_time() - self._cpu_seconds})
        if reset:
            self._stats, self._cpu_seconds = Stats(most_at_once=self._under_way), time.process_time()
        return text.encode()


class Connection(asyncio.Protocol):
    """One client: requests on it are answered one after the other, as HTTP/1.1 wants."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._read_next()

    def _read_next(self) -> None:
        head, gap, rest = self._received.partition(b"\r\n\r\n")
        if self._is_busy or not gap:
            return
        first, *lines = bytes(head).split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get(b"content-length", b"0"))
        if len(rest) < length:
            return
        body, self._received = bytes(rest[:length]), rest[length:]
        self._is_busy = True
        path = first.split(b" ")[1]
        if path.startswith(b"/stats"):
            text = self._endpoint.report(reset=path.endswith(b"?reset"))
            self._send(Reply(status=200, content_type=b"application/json", parts=[text]))
            return
        due = self._loop.time() + self._endpoint.latency_seconds
        self._loop.call_at(due, self._finish, self._endpoint.start(read_request(headers, body)))

    def _finish(self, reply: Reply) -> None:
        self._endpoint.end(sum(map(len, reply.parts)))
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self._is_busy = False
        if self._transport.is_closing():
            return
        length = sum(map(len, reply.parts))
        head = b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (reply.content_type, length)
        self._transport.write(b"".join([_STATUS_LINES[reply.status], head, *reply.parts]))
        self._read_next()


class Canned:
    """The endpoint as a child process, for a benchmark or a test; a context manager."""

    def __init__(self, size: Size, *, latency_ms: float = 50, throttle_every: int = 0) -> None:
        self._argv = [sys.executable, "-m", "tests.bench.canned", f"--latency-ms={latency_ms}"]
        self._argv += [f"--throttle-every={throttle_every}"]
        self._argv += [f"--{name}={value}" for name, value in asdict(size).items()]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, text=True)
        self.url = str(self._process.stdout.readline()).strip() if self._process.stdout else ""
        if not self.url:
            self._process.wait()
            raise ChildProcessError(f"the canned endpoint ended with status {self._process.returncode}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def environment(self, home: str) -> dict[str, str]:
        """Return a whole environment that leads a client here and keeps its files in the folder `home`."""
        foreign = ("AWS_", "EC2MENU_", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        folders = {f"XDG_{name}_HOME": f"{home}/{name.lower()}" for name in ("CACHE", "CONFIG", "DATA", "STATE")}
        return kept | variables(self.url) | folders | {"HOME": home, "TERM": "xterm-256color"}

    def stats(self, *, reset: bool = False) -> dict[str, Any]:
        """Return the counts since the last reset: calls, most_at_once, throttled, sent_bytes, cpu_seconds."""
        connection = HTTPConnection(self.url.removeprefix("http://"))
        with closing(connection):
            connection.request("GET", "/stats?reset" if reset else "/stats")
            found: dict[str, Any] = json.load(connection.getresponse())
        return found


def variables(url: str) -> dict[str, str]:
    """Return the variables that lead any AWS client to the endpoint."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-checked",
        "AWS_DEFAULT_REGION": REGION_NAMES[0],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }


async def serve(endpoint: Endpoint, *, port: int) -> None:
    """Serve until SIGINT or SIGTERM; print the address on stdout, then the variables."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Connection(endpoint), LOOPBACK, port, backlog=BACKLOG)
    url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    print(url, *(f"export {name}={value}" for name, value in variables(url).items()), sep="\n", flush=True)
    await stopped.wait()
    server.close()


def main(arguments: Sequence[str]) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.canned", description=__doc__)
    parser.add_argument("--instances", type=int, default=1000, help="EC2 instances in the account")
    parser.add_argument("--regions", type=int, default=DEFAULT_REGIONS, choices=range(1, len(REGION_NAMES) + 1))
    parser.add_argument("--unmanaged", type=int, default=0, help="of these, so many have no SSM agent")
    parser.add_argument("--hybrid", type=int, default=0, help="hybrid nodes in the first region")
    parser.add_argument("--latency-ms", type=float, default=50, help="from a request's arrival to its answer")
    parser.add_argument("--throttle-every", type=int, default=0, help="every Nth SSM call is refused; 0: none")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: a free one")
    options = parser.parse_args(arguments)
    fleets = render(
        Size(instances=options.instances, regions=options.regions, unmanaged=options.unmanaged, hybrid=options.hybrid)
    )
    gc.freeze()  # what was rendered stays: no collection need look at it
    endpoint = Endpoint(fleets, latency_seconds=options.latency_ms / 1000, throttle_every=options.throttle_every)
    asyncio.run(serve(endpoint, port=options.port))


if __name__ == "__main__":
    main(sys.argv[1:])
