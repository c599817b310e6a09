"""A toy web server: one page that says what this is, whatever is asked for."""

from collections.abc import Mapping

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.stream import Stream

MOST_HEADERS = 200


class Http:
    """The server; `facts` has the `name` of the machine or container."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        name = "".join(char for char in facts.get("name", "") if char.isprintable())
        self._name = name or "a machine"

    def serve(self, stream: Stream) -> None:
        """Answer one request and close."""
        for _ in range(MOST_HEADERS):
            if not stream.read_line():
                break
        body = f"{NOTE}: a toy web server for {self._name}, with nothing behind it.\n".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        stream.write(head.encode() + b"Connection: close\r\n\r\n" + body)
