"""A seat for the flows of jump hosts: a fleet of three, an AWS that can start instances, and somebody who types."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ec2menu.config import Config, Settings
from ec2menu.errors import Ec2MenuError
from ec2menu.flows.context import Context
from ec2menu.flows.jump import Via, choose_via
from tests.fakes.clock import START, FakeClock
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down

HERE, THERE = "vpc-here", "vpc-there"
INSTANCES, NODES = "DescribeInstances", "DescribeInstanceInformation"
Answer = list[str] | Ec2MenuError


class JumpAws(CannedAws):
    """Instances can be started; then SSM answers a look at that node by `answers`, in their order, the last for ever.

    An answer is the PingStatus of each entry, or the error to raise. `on_look` hears each look.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.answers: list[Answer] = [["Online"]]
        self.refusal: Ec2MenuError | None = None
        self.on_look: Callable[[], object] = lambda: None

    def add_node(self, node_id: str, *, ping: str = "Online", age: float = 60, **members: Any) -> None:
        entry = {"InstanceId": node_id, "PingStatus": ping, "PlatformType": "Linux"} | members
        nodes = self.lists.setdefault((NODES, ""), [])
        assert isinstance(nodes, list)
        nodes.append({"LastPingDateTime": START - timedelta(seconds=age)} | entry)

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        if operation != "StartInstances":
            return super().call(service, operation, region, **parameters)
        if self.refusal:
            raise self.refusal
        self.started += parameters["InstanceIds"]
        return {parameters["key"]: []}

    def list_all(self, service: str, operation: str, region: str, **how: Any) -> list[Any]:
        if "Filters" not in how:
            return super().list_all(service, operation, region, **how)
        self.on_look()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Ec2MenuError):
            raise answer
        (node_id,) = how["Filters"][0]["Values"]
        entries: Iterable[dict[str, Any]] = ({"InstanceId": node_id, "PingStatus": ping} for ping in answer)
        return [item for entry in entries for item in how["parse"](entry)]


def host(node_id: str, name: str = "", *, tag: str = "jumphost", vpc: str = HERE, **members: Any) -> dict[str, Any]:
    entry = machine(node_id, name, VpcId=vpc, **members)
    entry["Tags"].append({"Key": "Role", "Value": tag})
    return entry


def small_fleet() -> JumpAws:
    """Nothing but web-1 (online here), web-2 (online there) and win-1 (Windows, here)."""
    canned = JumpAws()
    canned.add(machine("i-web1", "web-1", VpcId=HERE), machine("i-web2", "web-2", VpcId=THERE))
    canned.add(machine("i-win1", "win-1", VpcId=HERE, Platform="windows"))
    for node_id in ("i-web1", "i-web2"):
        canned.add_node(node_id)
    canned.add_node("i-win1", PlatformType="Windows")
    return canned


class Seat:
    """A desk, the context at it, and `choose`."""

    def __init__(
        self,
        aws: CannedAws,
        folder: Path,
        *typed: str,
        out_tty: bool = True,
        tag: str = "",
        clock: FakeClock | None = None,
    ) -> None:
        self.desk: Desk = sit_down(*typed, out_tty=out_tty, color=False, clock=clock)
        self.context: Context = context_at(self.desk, aws, folder)
        if tag:
            found = Settings(jump_tag=tag)
            self.context.config = Config(settings=found, path=folder / "config.toml", sources={})

    def choose(self, *, vpc_id: str = HERE, what: str = "orders", **how: Any) -> Via:
        return choose_via(self.context, region=REGION, vpc_id=vpc_id, what=what, **how)

    @property
    def shown(self) -> str:
        return self.desk.notes
