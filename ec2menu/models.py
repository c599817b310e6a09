"""The nouns that all layers share: frozen values with AWS's own names. No behaviour beyond derived facts, no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class PingStatus(StrEnum):
    """`PingStatus` of SSM DescribeInstanceInformation."""

    ONLINE = "Online"
    CONNECTION_LOST = "ConnectionLost"
    INACTIVE = "Inactive"


class SsmStatus(StrEnum):
    """What a person needs to know of a machine's way in; the words of the SSM column."""

    ONLINE = "Online"
    CONNECTION_LOST = "ConnectionLost"
    INACTIVE = "Inactive"
    NOT_MANAGED = "not managed"
    NOT_RUNNING = "not running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedNode:
    """One entry of SSM DescribeInstanceInformation: an agent that has registered."""

    id: str
    region: str
    ping: PingStatus
    last_ping: datetime | None = None
    platform_type: str = ""
    platform_name: str = ""
    platform_version: str = ""
    agent_version: str = ""
    ip: str = ""
    computer_name: str = ""
    name: str = ""
    registered: datetime | None = None

    @property
    def is_hybrid(self) -> bool:
        """Whether the node is outside EC2 (`mi-*`)."""
        return self.id.startswith("mi-")

    @property
    def platform(self) -> str:
        """The system as people call it; Windows has its release in the name, and a build number as its version."""
        name = self.platform_name.removeprefix("Microsoft ") or self.platform_type
        return name if name.startswith("Windows") else f"{name} {self.platform_version}".strip()

    @property
    def label(self) -> str:
        """The best name the node has: hybrid name, host name, or nothing."""
        return self.name or self.computer_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A machine to connect to: an EC2 instance, or a hybrid node (`mi-*`), joined with what SSM knows of it."""

    id: str
    region: str
    name: str = ""
    state: str = ""
    type: str = ""
    private_ip: str = ""
    public_ip: str = ""
    az: str = ""
    platform: str = ""
    vpc_id: str = ""
    instance_profile: str = ""
    launch_time: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    node: ManagedNode | None = None
    ssm_known: bool = True

    @property
    def is_hybrid(self) -> bool:
        """Whether the machine is outside EC2 (`mi-*`)."""
        return self.id.startswith("mi-")

    @property
    def are_tags_known(self) -> bool:
        """Whether EC2 has listed the machine, and so its tags; SSM tells of a node only what the node itself says."""
        return bool(self.state)

    @property
    def is_windows(self) -> bool:
        """Whether sessions there are PowerShell and RDP makes sense."""
        kind = self.node.platform_type if self.node and self.node.platform_type else self.platform
        return kind.lower().startswith("windows")

    @property
    def ssm_status(self) -> SsmStatus:
        """The machine's way in. A stopped instance is not known to SSM at all, so its EC2 state decides first."""
        if self.state and self.state not in ("running", "pending"):
            return SsmStatus.NOT_RUNNING
        if self.node is not None:
            return SsmStatus(self.node.ping.value)
        return SsmStatus.NOT_MANAGED if self.ssm_known else SsmStatus.UNKNOWN

    @property
    def is_connectable(self) -> bool:
        """Whether a session has a chance; unknown SSM status counts as a chance."""
        return self.ssm_status in (SsmStatus.ONLINE, SsmStatus.UNKNOWN)


class EndpointRole(StrEnum):
    """What an endpoint of a database or a cache is for; the words of the Role column, and of ids (`orders:reader`)."""

    INSTANCE = "instance"
    WRITER = "writer"
    READER = "reader"
    CUSTOM = "custom"
    PROXY = "proxy"
    PRIMARY = "primary"
    CONFIGURATION = "configuration"
    NODE = "node"
    SERVERLESS = "serverless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A host name and a port that answer inside a VPC."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DbMember:
    """An instance of a DB cluster, folded under it; no endpoint while it is being created."""

    id: str
    is_writer: bool = False
    status: str = ""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One way into a database: an instance, or the writer, reader or custom endpoint of a cluster, or a proxy.

    `id` is unique in its region (`billing`, `orders:writer`), `name` is AWS's identifier. `endpoint` is None while
    there is none; `vpc_id` is empty where AWS does not say; `accepts_password` is False where
    only IAM lets in (some proxies), or where there are no passwords (Neptune).
    """

    id: str
    region: str
    name: str
    role: EndpointRole
    engine: str
    engine_version: str = ""
    status: str = ""
    endpoint: Endpoint | None = None
    vpc_id: str = ""
    multi_az: bool = False
    iam_auth: bool = False
    secret_arn: str = ""
    username: str = ""
    database: str = ""
    requires_tls: bool = False
    accepts_password: bool = True
    members: tuple[DbMember, ...] = ()


class CacheAuth(StrEnum):
    """How a cache asks who comes."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - AWS's word AuthToken, not a token
    RBAC = "users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One way into a cache: an endpoint of a replication group, a cluster, one of its nodes, or a serverless cache.

    `nodes` are the nodes behind the endpoint by id, for a tunnel to each. `subnet_group` and `subnet_ids` lead to the
    VPC, which AWS does not name here.
    """

    id: str
    region: str
    name: str
    role: EndpointRole
    engine: str
    engine_version: str = ""
    status: str = ""
    endpoint: Endpoint | None = None
    tls: bool = False
    auth: CacheAuth = CacheAuth.NONE
    cluster_mode: bool = False
    nodes: tuple[tuple[str, Endpoint], ...] = ()
    subnet_group: str = ""
    subnet_ids: tuple[str, ...] = ()


class ExecStatus(StrEnum):
    """Whether ECS Exec can get into a container; the words of the Exec column."""

    READY = "ready"
    MAY_FAIL = "may fail"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of an ECS task; one without `task_id` stands for a service without tasks, or an empty cluster.

    `id` is unique in its region: `CLUSTER/TASK/CONTAINER`, or as much of it as there is. `reason` and `fix` say why
    exec cannot work, or may not. `runtime_id` is needed for the SSM target.
    """

    id: str
    region: str
    cluster: str
    service: str = ""
    task_id: str = ""
    name: str = ""
    family: str = ""
    status: str = ""
    launch_type: str = ""
    image: str = ""
    runtime_id: str = ""
    is_windows: bool = False
    started_at: datetime | None = None
    exec_status: ExecStatus = ExecStatus.NO
    reason: str = ""
    fix: str = ""
    private_ip: str = ""
    ports: tuple[int, ...] = ()

    @property
    def ssm_target(self) -> str:
        """The target of a session into the container (never to be parsed back: names may have `_`)."""
        return f"ecs:{self.cluster}_{self.task_id}_{self.runtime_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpHost:
    """An instance that is tagged as a jump host, or nearly so. An empty `reason` means that it can be used.

    `is_near_miss` says that only the spelling of the tag is wrong. `hint` is what to do about the reason.
    """

    instance: Instance
    is_near_miss: bool = False
    reason: str = ""
    hint: str = ""

    @property
    def region(self) -> str:
        """The instance's region."""
        return self.instance.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """An AWS region: its code, the place it is in, and whether the account may use it (`opt_in` is AWS's word)."""

    name: str
    title: str = ""
    opt_in: str = ""

    @property
    def is_enabled(self) -> bool:
        """Whether calls there can succeed; a region nobody asked about counts as enabled."""
        return self.opt_in != "not-opted-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who AWS says we are (STS GetCallerIdentity)."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A part of a listing that failed, shown as one dim line; `is_lasting`: asking again soon would bring the same."""

    where: str
    message: str
    hint: str = ""
    status: int = 3
    is_lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """What a list call found: the items, the moment they were true, and the parts that failed.

    `order` is the column that the items are sorted by already, equals by id; empty where they come as AWS sent them.
    """

    items: Sequence[T]
    as_of: datetime
    problems: tuple[Problem, ...] = ()
    order: str = ""


class Style(StrEnum):
    """What a cell's text means; the terminal chooses the colour."""

    PLAIN = ""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    DIM = "dim"
    STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One field of one row: the text to show, its meaning, and the key to sort by where the text is not it."""

    text: str
    style: Style = Style.PLAIN
    sort_key: str | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[T]):
    """A column of a list: how to read it from an item, and how it gives way on a narrow screen.

    `priority` 0 is never dropped; the largest number goes first. `min_width` 0 means the text is never shortened
    (ids); otherwise the column may shrink to that many display columns before any column is dropped. `max_width` keeps
    one long text from taking the room of the other columns on a screen; 0 is no limit. A hidden column is never shown,
    and only looked at where a filter names it.
    """

    key: str
    title: str
    cell: Callable[[T, datetime], Cell]
    priority: int = 0
    min_width: int = 0
    max_width: int = 0
    align_right: bool = False
    is_hidden: bool = False
