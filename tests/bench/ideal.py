"""The yardstick from above: the same bytes fetched by bare sockets, nothing parsed but what the next call needs.

`python -m tests.bench.ideal chain` walks the pages of EC2 and of SSM side by side, a thread each per region: the calls
a list cannot do without, in the order of their tokens. `python -m tests.bench.ideal shards` asks SSM for 50 ids a
call, all at once, as soon as EC2 has said them, and for the hybrid nodes beside. No client beats the quicker one.
"""

import os
import re
import socket
import sys
from collections.abc import Callable, Iterable
from threading import Thread

LARGEST_EC2_PAGE, LARGEST_SSM_PAGE = 1000, 50


class Wire:
    """A connection of its own to the endpoint, signed (for show) for a service in a region."""

    def __init__(self, service: str, region: str) -> None:
        host, _, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = "X-Amz-Target: AmazonSSM.DescribeInstanceInformation\r\n" if service == "ssm" else ""
        scope = f"AKIAIOSFODNN7EXAMPLE/20250101/{region}/{service}/aws4_request"
        self._head = f"POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: AWS4 Credential={scope},\r\n{target}"

    def ask(self, body: str) -> bytes:
        """Send a request and return the body of its answer. Raises ConnectionError for anything but a success."""
        self._socket.sendall(f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        received = self._socket.recv(65536)
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65536)
        head, _, first = received.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200") or not length:
            raise ConnectionError(received)
        whole = bytearray(int(length[1]))
        whole[: len(first)] = first
        view, place = memoryview(whole), len(first)
        while place < len(whole):
            place += self._socket.recv_into(view[place:])
        return bytes(whole)


def main(way: str) -> None:
    """Fetch everything; print how many instances and nodes there were."""
    regions = Wire("ec2", os.environ["AWS_DEFAULT_REGION"]).ask("Action=DescribeRegions&Version=2016-11-15")
    pages: list[bytes] = []
    fetch = {"chain": _fetch_chain, "shards": _fetch_shards}[way]
    _at_once(fetch, [(region.decode(), pages) for region in re.findall(rb"<regionName>([^<]+)", regions)])
    print(*(sum(page.count(word) for page in pages) for word in (b"<instanceId>", b'"InstanceId":')))


def _at_once(function: Callable[..., None], calls: Iterable[tuple[object, ...]]) -> None:
    threads = [Thread(target=function, args=arguments) for arguments in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _fetch_chain(region: str, pages: list[bytes]) -> None:
    _at_once(lambda walk: walk(region, pages), [(_walk_ec2,), (_walk_ssm,)])


def _walk_ec2(region: str, pages: list[bytes]) -> None:
    wire, token = Wire("ec2", region), ""
    while True:
        call = f"Action=DescribeInstances&Version=2016-11-15&MaxResults={LARGEST_EC2_PAGE}"
        page = wire.ask(f"{call}&NextToken={token}" if token else call)
        pages.append(page)
        found = re.search(rb"<nextToken>([^<]+)", page[-500:])
        if not found:
            return
        token = found[1].decode()


def _walk_ssm(region: str, pages: list[bytes]) -> None:
    wire, token = Wire("ssm", region), ""
    while True:
        page = wire.ask(f'{{"MaxResults":{LARGEST_SSM_PAGE}{token}}}')
        pages.append(page)
        found = re.search(rb'"NextToken":"([^"]+)"', page[-500:])
        if not found:
            return
        token = f',"NextToken":"{found[1].decode()}"'


def _fetch_shards(region: str, pages: list[bytes]) -> None:
    hybrid = Thread(target=_ask_ssm, args=(region, "ResourceType", '"ManagedInstance"', pages))
    hybrid.start()
    own: list[bytes] = []
    _walk_ec2(region, own)
    pages += own
    ids = [found.decode() for page in own for found in re.findall(rb"<instanceId>([^<]+)", page)]
    shards = [ids[first : first + LARGEST_SSM_PAGE] for first in range(0, len(ids), LARGEST_SSM_PAGE)]
    calls = [(region, "InstanceIds", ",".join(f'"{node_id}"' for node_id in shard), pages) for shard in shards]
    _at_once(_ask_ssm, calls)
    hybrid.join()


def _ask_ssm(region: str, key: str, values: str, pages: list[bytes]) -> None:
    filters = f'"Filters":[{{"Key":"{key}","Values":[{values}]}}]'
    pages.append(Wire("ssm", region).ask(f'{{"MaxResults":{LARGEST_SSM_PAGE},{filters}}}'))


if __name__ == "__main__":
    main(sys.argv[1])
