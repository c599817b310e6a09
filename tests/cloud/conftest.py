"""Real boto3 against the demo's AWS over HTTP: one server for the session, an empty account for each test."""

import gc
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ec2menu.aws.session import Aws
from ec2menu.demo.account import ACCESS_KEY, HOME_REGION, SECRET_KEY
from ec2menu.demo.server import CONFLICTING_VARIABLES, DemoAws
from tests.cloud.tunnel_rig import Rig, far_end

Client = Callable[..., Any]
PluginCommand = Callable[..., list[str]]
RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE_1"
THREAD_SECONDS = 10


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoAws]:
    with DemoAws() as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def _let_go() -> Iterator[None]:
    """Close the connections of a module's identities, which hold them in circles.

    With moto in memory Python looks for those so rarely that a worker would run out of descriptors.
    """
    yield
    gc.collect()


@pytest.fixture(scope="module")
def shared() -> list[Aws]:
    """One identity for a module's tests, put in by the first of them in its own environment: making one costs much."""
    return []


@pytest.fixture
def aws_demo(demo: DemoAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoAws]:
    """An empty account without faults; the environment leads every boto3 client of the test to it."""
    demo.reset()
    for name in CONFLICTING_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in demo.environment().items():
        monkeypatch.setenv(name, value)
    before = set(threading.enumerate())
    yield demo
    demo.faults.clear()
    _join(set(threading.enumerate()) - before)
    demo.reset()


def _join(threads: set[threading.Thread]) -> None:
    """Wait for calls that a test has left under way (a chain of pages that was given up): they are not the next one's.

    Pools' threads wait for work for ever; theirs are not called `run`.
    """
    for thread in threads:
        if thread.name.endswith("(run)"):
            thread.join(THREAD_SECONDS)


@pytest.fixture(scope="session")
def _clients(demo: DemoAws) -> Iterator[Client]:
    """Clients made once for the session: making an EC2 client costs more than most tests."""
    session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=HOME_REGION)
    # Without its own checks botocore lets through what AWS has to refuse.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=20, proxies={}, parameter_validation=False
    )
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str = HOME_REGION) -> Any:
        if (service, region) not in made:
            made[service, region] = session.client(
                service, region_name=region, endpoint_url=demo.endpoint_url, config=config
            )
        return made[service, region]

    yield client
    for each in made.values():
        each.close()


@pytest.fixture
def client(aws_demo: DemoAws, _clients: Client) -> Client:
    """`client(service, region="us-east-1")`: a boto3 client that asks once, without retries or checks."""
    return _clients


@pytest.fixture
def plugin_command(aws_demo: DemoAws, client: Client, monkeypatch: pytest.MonkeyPatch) -> PluginCommand:
    """`plugin_command(node, **request)`: start a session and return the demo plugin's command line for it."""

    def start(node: str = "", region: str = "us-east-1", **request: Any) -> list[str]:
        target = node or aws_demo.add_instances(region, 1, name="web-1")[0]
        grant = client("ssm", region).start_session(Target=target, **request)
        grant.pop("ResponseMetadata")
        monkeypatch.setenv(RESPONSE_VARIABLE, json.dumps(grant))
        asked = json.dumps({"Target": target, **request})
        return [
            *(sys.executable, "-m", "ec2menu.demo.plugin"),
            *(RESPONSE_VARIABLE, region, "StartSession", "", asked, aws_demo.endpoint_url),
        ]

    return start


@pytest.fixture
def rig(aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Tunnels with the stand-in plugin, to a far end that speaks like PostgreSQL."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="rig-") as short, far_end() as port:
        monkeypatch.setenv("TMPDIR", short)  # the plugin makes a Unix socket there
        made = Rig(demo=aws_demo, folder=tmp_path, far_port=port)
        yield made
        made.close()
