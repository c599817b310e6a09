"""Makes the showcase fleet: networks, machines and agents from `fleet_data`, then databases, caches and containers.

The same ids come out every time, so that what one demo has shown can be found again in the next.
"""

from collections.abc import Callable, Sequence

from ec2menu.demo import boot, ecs, elasticache, machines, rds
from ec2menu.demo.fleet_data import DEV, FLEET, HYBRID, PROD, WAREHOUSE, WAREHOUSE_PREFIX, WAREHOUSE_REGION, Row
from ec2menu.demo.machines import Machine
from ec2menu.demo.rds_fleet import seed_warehouse
from ec2menu.demo.vpcs import subnets_of, vpc_named

SEED = 6
SERVICE_REGIONS = ("us-east-1", "ap-northeast-2")
"""The regions that have databases, caches and containers."""

_NETWORKS = {PROD: "10.20", DEV: "10.64", WAREHOUSE: WAREHOUSE_PREFIX}

Subnets = dict[tuple[str, int], str]


def seed(progress: Callable[[str], None]) -> None:
    """Fill the account; `progress` is told what comes next. Takes one to two seconds."""
    from moto.moto_api._internal import mock_random  # noqa: PLC0415 - moto is imported when the server starts

    boot.set_pace(
        running_after_seconds=boot.SHOWCASE_RUNNING_SECONDS, online_after_seconds=boot.SHOWCASE_ONLINE_SECONDS
    )
    mock_random.seed(SEED)
    for region, rows in FLEET.items():
        hybrid = HYBRID.get(region, [])
        progress(f"{region}: {len(rows)} instances, {len(hybrid)} hybrid nodes")
        _launch_all(region, rows, _networks(region, rows))
        for each in hybrid:
            machines.hybrid_node(region, each.name, **each.more)
    for region in SERVICE_REGIONS:
        progress(f"{region}: databases, caches, containers")
        rds.seed(region)
        elasticache.seed(region)
        ecs.seed(region)
    seed_warehouse(WAREHOUSE_REGION)
    mock_random.seed()


def _networks(region: str, rows: Sequence[Row]) -> Subnets:
    """Make the VPCs that the machines stand in and return their subnets by VPC and zone."""
    used = {row.vpc for row in rows}
    return {
        (name, index): subnet.id
        for name, prefix in _NETWORKS.items()
        if name in used
        for index, subnet in enumerate(subnets_of(region, vpc_named(region, name, prefix=prefix)))
    }


def _launch_all(region: str, rows: Sequence[Row], subnets: Subnets) -> None:
    for row in rows:
        subnet_id = subnets[row.vpc, row.zone]
        machines.launch(region, Machine(name=row.name, type=row.type, age=row.age, subnet_id=subnet_id, **row.more))
