"""Ports of this computer that a test may close, and still find free a moment later.

The system gives outgoing connections any port from 32768 on (Linux; 49152 elsewhere), and a test run makes thousands of
them: a port of that kind may be gone as soon as it is let go. These lie below, and each worker has some for itself.
"""

import os
import random
import socket
from contextlib import suppress
from itertools import count

FIRST_PORT = 20_000
PORTS_EACH = 1_000
WORKERS = 12
_FIRST_OF_THIS = FIRST_PORT + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS * PORTS_EACH
# From anywhere in it on: several runs may go on at the same time.
_turns = count(random.randrange(PORTS_EACH))


def free_port() -> int:
    """Return a port that nobody listens on, and that is not returned again for a thousand calls."""
    while True:
        port = _FIRST_OF_THIS + next(_turns) % PORTS_EACH
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
