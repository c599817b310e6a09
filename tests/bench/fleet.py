"""A made-up account as bytes: what EC2 and SSM say of each machine, rendered once and cut into pages by slicing.

Every machine is a function of its region and number, so two runs see the same ids. Nothing here knows HTTP or requests.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from tests.bench.wording import INSTANCE, NODE

REGION_NAMES = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-central-1", "eu-north-1"),
    *("eu-west-1", "eu-west-2", "eu-west-3", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
    *("ap-southeast-1", "ap-southeast-2", "af-south-1", "ap-east-1", "ap-south-2", "ap-southeast-3", "ap-southeast-4"),
    *("ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1", "me-south-1"),
    *("mx-central-1",),
)
DEFAULT_REGIONS = 17
LOST_EVERY, WINDOWS_EVERY = 20, 10


class Pieces:
    """Texts joined with a separator of one byte, so that any run of them is one slice of one buffer."""

    def __init__(self, texts: Iterable[bytes], *, separator: bytes) -> None:
        self._ends = array("L", [0])
        buffer = bytearray()
        for text in texts:
            buffer += text + separator
            self._ends.append(len(buffer))
        self._view = memoryview(bytes(buffer))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def run(self, first: int, last: int) -> memoryview:
        """Return the texts from number `first` to before `last`, without the separator behind the last one."""
        return self._view[self._ends[first] : max(self._ends[first], self._ends[last] - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the filters of DescribeInstanceInformation look at."""

    id: str
    ping: str
    platform: str
    resource_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFleet:
    """One region: reservations as XML, nodes as JSON objects, and the nodes' facts in the same order."""

    instances: Pieces
    nodes: Pieces
    machines: Sequence[Machine]
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is in the whole account; `unmanaged` of the instances have no agent, `hybrid` nodes come on top.

    The instances, managed or not, are spread evenly over the regions; the hybrid nodes are all in the first one.
    """

    instances: int
    regions: int = DEFAULT_REGIONS
    unmanaged: int = 0
    hybrid: int = 0


def render(size: Size) -> dict[str, RegionFleet]:
    """Return the enabled regions with what is in them."""
    names = REGION_NAMES[: size.regions]
    found: dict[str, list[int]] = {name: [] for name in names}
    for number in range(size.instances):
        found[names[number % len(names)]].append(number)
    return {
        name: _render_region(name, numbers, size, hybrid=size.hybrid if name == names[0] else 0)
        for name, numbers in found.items()
    }


def _render_region(region: str, numbers: Sequence[int], size: Size, *, hybrid: int) -> RegionFleet:
    managed = [number for number in numbers if not _is_share(number, size.unmanaged, size.instances)]
    ids = [_id("i-", region, number) for number in managed] + [_id("mi-", region, number) for number in range(hybrid)]
    machines = [_machine(node_id, index) for index, node_id in enumerate(ids)]
    return RegionFleet(
        instances=Pieces((_instance(region, number) for number in numbers), separator=b"\n"),
        nodes=Pieces((_node(machine, index) for index, machine in enumerate(machines)), separator=b","),
        machines=machines,
        numbers={machine.id: index for index, machine in enumerate(machines)},
    )


def _is_share(number: int, part: int, whole: int) -> bool:
    """Choose `part` of `whole` numbers, evenly spread."""
    return (number + 1) * part // whole > number * part // whole


def _machine(node_id: str, index: int) -> Machine:
    return Machine(
        id=node_id,
        ping="ConnectionLost" if index % LOST_EVERY == LOST_EVERY - 1 else "Online",
        platform="Windows" if index % WINDOWS_EVERY == WINDOWS_EVERY - 1 else "Linux",
        resource_type="ManagedInstance" if node_id.startswith("mi-") else "EC2Instance",
    )


def _id(prefix: str, region: str, number: int) -> str:
    return f"{prefix}0{_hex(prefix, region, number)[:16]}"


def _hex(*parts: object) -> str:
    return sha256("/".join(map(str, parts)).encode()).hexdigest()


def _instance(region: str, number: int) -> bytes:
    digits = _hex(region, number)
    return INSTANCE.format(
        id=_id("i-", region, number),
        region=region,
        zone=f"{region}{'abc'[number % 3]}",
        a=digits[:16],
        b=digits[16:32],
        ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        dashed=f"10-{number >> 16 & 255}-{number >> 8 & 255}-{number & 255}",
        public=f"54.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        team=("payments", "search", "orders", "platform")[number % 4],
        name=f"{('web', 'api', 'worker', 'batch', 'cache')[number % 5]}-{number:05}",
    ).encode()


def _node(machine: Machine, index: int) -> bytes:
    is_windows = machine.platform == "Windows"
    return (
        NODE.replace("@id", machine.id)
        .replace("@ping", machine.ping)
        .replace("@platform", machine.platform)
        .replace("@name", "Microsoft Windows Server 2022 Datacenter" if is_windows else "Amazon Linux")
        .replace("@version", "10.0.20348" if is_windows else "2023")
        .replace("@type", machine.resource_type)
        .replace(
            "@source", f"AWS::{machine.resource_type.replace('EC2I', 'EC2::I').replace('ManagedI', 'SSM::ManagedI')}"
        )
        .replace("@ip", f"10-0-{index >> 8 & 255}-{index & 255}")
        .replace("@address", f"10.0.{index >> 8 & 255}.{index & 255}")
        .encode()
    )
