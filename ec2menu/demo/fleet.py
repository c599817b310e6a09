"""Makes the showcase fleet: networks, machines and agents from `fleet_data`, then databases, caches and containers.

The same ids come out every time, so that favourites and history of one demo mean something in the next.
"""

from collections.abc import Callable, Sequence

from ec2menu.demo import ecs, elasticache, machines, rds
from ec2menu.demo.fleet_data import DEV, FLEET, HYBRID, PROD, Row
from ec2menu.demo.machines import Machine

SEED = 6
ZONES = "abc"
SERVICE_REGIONS = ("us-east-1", "ap-northeast-2")
"""The regions that have databases, caches and containers."""

_NETWORKS = {PROD: "10.20", DEV: "10.64"}

Subnets = dict[tuple[str, int], str]


def seed(progress: Callable[[str], None]) -> None:
    """Fill the account; `progress` is told what comes next. Takes one to two seconds."""
    from moto.moto_api._internal import mock_random  # noqa: PLC0415 - moto is imported when the server starts

    mock_random.seed(SEED)
    for region, rows in FLEET.items():
        hybrid = HYBRID.get(region, [])
        progress(f"{region}: {len(rows)} instances, {len(hybrid)} hybrid nodes")
        _launch_all(region, rows, _networks(region))
        for each in hybrid:
            machines.hybrid_node(region, each.name, **each.more)
    for region in SERVICE_REGIONS:
        progress(f"{region}: databases, caches, containers")
        rds.seed(region)
        elasticache.seed(region)
        ecs.seed(region)
    mock_random.seed()


def _networks(region: str) -> Subnets:
    """Make two VPCs of three subnets and return the subnets by VPC and zone."""
    ec2 = machines.backend(region)
    subnets: Subnets = {}
    for name, prefix in _NETWORKS.items():
        vpc = ec2.create_vpc(f"{prefix}.0.0/16", tags=[{"Key": "Name", "Value": name}])
        for index, zone in enumerate(ZONES):
            subnet = ec2.create_subnet(vpc.id, f"{prefix}.{index * 16}.0/20", availability_zone=f"{region}{zone}")
            subnets[name, index] = subnet.id
    return subnets


def _launch_all(region: str, rows: Sequence[Row], subnets: Subnets) -> None:
    for row in rows:
        subnet_id = subnets[row.vpc, row.zone]
        machines.launch(region, Machine(name=row.name, type=row.type, age=row.age, subnet_id=subnet_id, **row.more))
