"""The showcase fleet as data: which machines each region has. Only tables; `fleet` makes them.

Ordinary names first, then one of every kind that has hurt a terminal tool: Korean, emoji, one name twice, an escape
sequence, a line break, a bidirectional override, the longest possible, none at all; machines that are stopped, not
managed or long unheard of; jump hosts, and what only looks like one.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ec2menu.demo.machines import WINDOWS
from ec2menu.demo.nodes import CONNECTION_LOST

PROD, DEV, WAREHOUSE = "prod", "dev", "warehouse"
WAREHOUSE_REGION, WAREHOUSE_PREFIX = "us-east-1", "10.96"
"""Where the third VPC is, and its addresses: it has a database, and no jump host that runs."""

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)

JUMP_HOST = {"Role": "jumphost"}
# XML, EC2's protocol, cannot carry ESC; the one-byte CSI of the C1 set it can, and terminals obey it just as well.
ESCAPE_NAME = "alert-\x9b31mred\x9b0m-1"
NEWLINE_NAME = "report\nrunner"
BIDI_NAME = "invoice-\u202efdp.exe\u202c"
LONGEST_NAME = ("batch-" * 43)[:255]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A machine of the fleet: where it stands, and the fields of `machines.Machine`."""

    name: str | None
    type: str
    age: timedelta
    vpc: str = PROD
    zone: int = 0
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridRow:
    """A machine outside EC2, with the arguments of `machines.hybrid_node`."""

    name: str
    more: dict[str, Any] = field(default_factory=dict)


def _row(name: str | None, instance_type: str, age: timedelta, *, vpc: str = PROD, zone: int = 0, **more: Any) -> Row:
    return Row(name=name, type=instance_type, age=age, vpc=vpc, zone=zone, more=more)


def _tier(name: str, instance_type: str, count: int, age: timedelta, **more: Any) -> list[Row]:
    """Return `count` numbered machines over the zones, the later ones a little younger."""
    return [_row(f"{name}-{n}", instance_type, age - n * HOUR, zone=n % 3, **more) for n in range(1, count + 1)]


_US_EAST_1 = [
    *_tier("web", "t3.large", 4, 40 * DAY, public=True, tags={"Tier": "web", "Env": "prod"}),
    *_tier("api", "m6i.xlarge", 4, 12 * DAY, tags={"Tier": "api", "Env": "prod"}),
    *_tier("worker", "c6g.2xlarge", 3, 3 * DAY, tags={"Tier": "worker", "Env": "prod"}),
    _row("jump-a", "t3.nano", 2 * YEAR, public=True, tags=JUMP_HOST),
    _row("jump-b", "t3.nano", YEAR, zone=1, tags=JUMP_HOST),
    _row("jump-dev", "t3.nano", 90 * DAY, vpc=DEV, tags=JUMP_HOST),
    _row("jump-old", "t2.micro", 5 * YEAR, state="stopped", tags=JUMP_HOST),
    _row("jump-canary", "t3.nano", 30 * DAY, vpc=DEV, tags={"Role": "JumpHost"}),
    _row("jump-lab", "t3.nano", 31 * DAY, vpc=DEV, tags={"role": "jumphost"}),
    _row("db-migrate", "r6i.large", 35 * timedelta(minutes=1), zone=1),
    _row("gitlab-runner", "c7i.4xlarge", 6 * HOUR, vpc=DEV, tags={"Team": "platform"}),
    _row("gitlab-runner", "c7i.4xlarge", 7 * HOUR, vpc=DEV, zone=1, tags={"Team": "platform"}),
    _row("🚀 deploy-runner", "c6i.xlarge", 9 * DAY, zone=2),
    _row("warming-up", "t3.small", timedelta(seconds=40), state="pending", managed=False),
    _row("batch-nightly", "m5.4xlarge", 400 * DAY, ping=CONNECTION_LOST, ping_age=9 * DAY),
    _row("cache-loader", "r5.xlarge", 80 * DAY, zone=2, ping=CONNECTION_LOST, ping_age=3 * HOUR),
    _row("legacy-ftp", "t2.medium", 6 * YEAR, managed=False, profile="legacy-ftp", public=True),
    _row("vendor-appliance", "m4.large", 4 * YEAR, managed=False, profile=None),
    _row("win-ad-1", "m6i.large", 300 * DAY, platform=WINDOWS, computer_name="WIN-AD-1"),
    _row("win-build-1", "c6i.4xlarge", 20 * DAY, vpc=DEV, platform=WINDOWS, computer_name="WIN-BUILD-1"),
    _row("report-2024", "m5.large", 700 * DAY, state="stopped"),
    _row("etl-loader", "r6i.xlarge", 25 * DAY, vpc=WAREHOUSE, tags={"Team": "data"}),
    _row("jump-warehouse", "t3.nano", 150 * DAY, vpc=WAREHOUSE, state="stopped", tags=JUMP_HOST),
    _row("web-canary", "t3.large", 2 * HOUR, state="terminated"),
    _row(ESCAPE_NAME, "t3.micro", 15 * DAY, vpc=DEV, computer_name="pwn\x1b]0;owned\x07"),
    _row(None, "t3.micro", 55 * DAY, zone=1),
]

_AP_NORTHEAST_2 = [
    *_tier("결제-api", "m6i.xlarge", 3, 21 * DAY, tags={"Tier": "api", "Env": "운영"}),
    *_tier("주문-web", "t3.large", 3, 14 * DAY, public=True, tags={"Tier": "web", "Env": "운영"}),
    _row("운영-배치-서버", "r6i.2xlarge", 200 * DAY, zone=1, tags={"Env": "운영"}),
    _row("점프호스트", "t3.nano", YEAR, public=True, tags=JUMP_HOST),
    _row("점프호스트-예비", "t3.nano", 3 * YEAR, zone=1, state="stopped", tags=JUMP_HOST),
    _row("점프호스트-개발", "t3.nano", 100 * DAY, vpc=DEV, tags={"role": "jumphost"}),
    _row("👩‍💻 dev-box", "m7i.large", 4 * HOUR, vpc=DEV, tags={"Owner": "지민"}),
    _row("개발-api", "t3.medium", 33 * DAY, vpc=DEV, tags={"Env": "개발"}),
    _row("개발-api", "t3.medium", 34 * DAY, vpc=DEV, zone=1, tags={"Env": "개발"}),
    _row("회계-윈도우", "m5.xlarge", 500 * DAY, platform=WINDOWS, computer_name="ACCT-01"),
    _row("로그-수집기", "c6g.large", 61 * DAY, zone=2, ping=CONNECTION_LOST, ping_age=3 * HOUR),
    _row("통계-집계", "m5.2xlarge", 3 * YEAR, ping=CONNECTION_LOST, ping_age=9 * DAY),
    _row("구-관리자", "t2.small", 7 * YEAR, managed=False, profile=None),
    _row("이관-대기", "t3.small", 10 * DAY, managed=False, profile="ec2-ssm"),
    _row(NEWLINE_NAME, "t3.small", 8 * DAY, zone=1),
    _row("gitlab-runner", "c7i.2xlarge", 26 * HOUR, vpc=DEV),
]

_EU_WEST_1 = [
    *_tier("shop", "m6i.large", 3, 60 * DAY, public=True, tags={"Tier": "web", "Env": "prod"}),
    _row("jump", "t3.nano", YEAR, tags=JUMP_HOST),
    _row("jump-typo", "t3.nano", YEAR, zone=1, tags={"Role": "jump-host"}),
    _row("worker", "c6g.xlarge", 5 * DAY, zone=1),
    _row("worker", "c6g.xlarge", 5 * DAY, zone=2),
    _row("staging", "t3.medium", 18 * DAY, vpc=DEV, state="stopped"),
    _row(BIDI_NAME, "t3.micro", 77 * DAY, vpc=DEV),
    _row(LONGEST_NAME, "m5.large", 140 * DAY),
]

FLEET: dict[str, list[Row]] = {
    "us-east-1": _US_EAST_1,
    "ap-northeast-2": _AP_NORTHEAST_2,
    "eu-west-1": _EU_WEST_1,
}

HYBRID: dict[str, list[HybridRow]] = {
    "us-east-1": [
        HybridRow(name="dc1-backup", more={"tags": {"Site": "dc1"}}),
        HybridRow(name="dc1-\x1b[31mprinter\x1b[0m", more={"computer_name": "printer.dc1.example"}),
        HybridRow(name="branch-pos-7", more={"ping": CONNECTION_LOST, "ping_age": 9 * DAY}),
    ],
    "ap-northeast-2": [
        HybridRow(name="본사-파일서버", more={"platform": WINDOWS, "computer_name": "HQ-FILE-01"}),
        HybridRow(name="공장-게이트웨이", more={"ping": CONNECTION_LOST, "ping_age": 3 * HOUR}),
    ],
}
