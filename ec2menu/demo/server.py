"""The demo's AWS as one object: start it, point a client at it, fill it, break it, look at what was asked.

`DemoAws` listens on the loopback only and holds faults and the record of calls; what is answered is moto's business
and that of the service modules next door.
"""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from types import TracebackType
from typing import Any, Self

from ec2menu.demo import account, boot, fleet, machines, moto_app, nodes, sessions, strict
from ec2menu.demo.faults import Faults
from ec2menu.demo.machines import Machine
from ec2menu.demo.requests import Call, Environ, parse_call, read_body
from ec2menu.demo.sessions import CHANNEL_PATH, Session
from ec2menu.demo.strict import page_rule
from ec2menu.demo.wire import LOOPBACK, LoopbackServer, Reply

CONFLICTING_VARIABLES = (
    *moto_app.PROFILE_VARIABLES,
    "AWS_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_RDS",
    "AWS_ENDPOINT_URL_ELASTICACHE",
    "AWS_ENDPOINT_URL_ECS",
    "AWS_ENDPOINT_URL_ACCOUNT",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
)
"""What must not be set next to `DemoAws.environment`: it would send a client elsewhere, or with other keys."""


class DemoAws:
    """An AWS account in this process. A context manager; `port` 0 picks a free one.

    Moto's data is global to the process, so a second server shows the same account with faults and calls of its own.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.faults = Faults()
        self._wanted_port = port
        self._server: LoopbackServer | None = None
        self._application: Any = None
        self._calls: list[Call] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring moto up (about 1.5 s the first time in a process) and listen.

        Raises OSError if the port is taken, and ModuleNotFoundError where the extra `demo` is not installed.
        """
        if self._server is None:
            self._application = moto_app.application()
            self._server = LoopbackServer(self._answer, port=self._wanted_port)
            self._server.start()

    def stop(self) -> None:
        """Stop listening, drop open connections and take back all faults; the account stays as it is until `reset`."""
        server, self._server = self._server, None
        if server is not None:
            self.faults.clear()
            server.close()

    @property
    def endpoint_url(self) -> str:
        """Where clients connect; raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the demo server has not been started")
        return f"http://{LOOPBACK}:{self._server.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a child process or botocore here; `CONFLICTING_VARIABLES` must be unset."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": account.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": account.SECRET_KEY,
            "AWS_DEFAULT_REGION": account.HOME_REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": LOOPBACK,
            "no_proxy": LOOPBACK,
        }

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every request since the start or the last `reset`, refused ones included, oldest first."""
        with self._lock:
            return tuple(self._calls)

    def calls_of(self, operation: str, region: str | None = None) -> list[Call]:
        """Return the calls of one operation, in one region or in all."""
        return [call for call in self.calls if call.operation == operation and region in (None, call.region)]

    def reset(self) -> None:
        """Empty the account, take back all faults and forget the calls."""
        self.faults.clear()
        moto_app.reset()
        with self._lock:
            self._calls.clear()

    def seed_fleet(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Fill the account with the showcase fleet; `progress` is told what is being made, one line at a time."""
        fleet.seed(progress)

    def add_instances(
        self, region: str, count: int, *, name: str = "web-{n:04d}", managed: bool = True, **more: Any
    ) -> list[str]:
        """Launch `count` instances quickly and return their ids; `n` in `name` counts from 1.

        `more` are fields of `machines.Machine`: `tags`, `type`, `state`, `platform`, `ping`, `age`, `profile` ….
        """
        made = (Machine(name=name.format(n=n), managed=managed, **more) for n in range(1, count + 1))
        return [machines.launch(region, machine) for machine in made]

    def add_hybrid_node(self, region: str, name: str = "on-prem", **more: Any) -> str:
        """Register a machine outside EC2 and return its `mi-*` id; `more` as for `machines.hybrid_node`."""
        return machines.hybrid_node(region, name, **more)

    def set_ping(
        self, node_id: str, ping: str, *, region: str = account.HOME_REGION, age: timedelta | None = None
    ) -> None:
        """Set a node's PingStatus, last heard of `age` ago; raises KeyError for a node that is not registered."""
        nodes.set_ping(region, node_id, ping, age=age)

    def set_start_pace(self, *, running_after_seconds: float = 0, online_after_seconds: float = 0) -> None:
        """Set how long StartInstances takes until `running`, and until the agent is Online, both counted from the call.

        Without arguments, and unless the showcase fleet has been made, both are at once.
        """
        boot.set_pace(running_after_seconds=running_after_seconds, online_after_seconds=online_after_seconds)

    def unregister(self, node_id: str, *, region: str = account.HOME_REGION) -> None:
        """Make a node unknown to SSM, as if its agent had never registered."""
        nodes.deregister(region, node_id)

    def set_tags(self, resource_id: str, tags: Mapping[str, str], *, region: str = account.HOME_REGION) -> None:
        """Add EC2 tags to a resource."""
        machines.backend(region).create_tags([resource_id], dict(tags))

    def sessions(self, region: str = account.HOME_REGION) -> list[Session]:
        """Return every session started in the region, oldest first."""
        return sessions.sessions(region)

    def _answer(self, environ: Environ) -> Reply | None:
        if str(environ["PATH_INFO"]).startswith(CHANNEL_PATH):
            return _close_channel(environ)
        call = parse_call(environ)
        with self._lock:
            self._calls.append(call)
        self.faults.wait(call)
        refusal = self.faults.refusal(call)
        if refusal is not None:
            return moto_app.error_reply(call.service, refusal)
        with page_rule(self.faults.page_rule(call)):
            reply = moto_app.carry_out(self._application, environ, service=call.service)
        if self.faults.loses_reply(call):
            return None
        return reply.cut() if self.faults.truncates_reply(call) else reply


def _close_channel(environ: Environ) -> Reply:
    """Take a plugin's word that its session is over: `REGION TOKEN` in the body, as the stream URL told it."""
    session_id = str(environ["PATH_INFO"]).removeprefix(CHANNEL_PATH)
    region, _, token = read_body(environ).decode(errors="replace").partition(" ")
    if sessions.close_channel(region, session_id, token=token):
        return Reply(status=204, headers=(), body=b"")
    return moto_app.error_reply("ssm", strict.aws_error("DoesNotExistException", "No such session"))
