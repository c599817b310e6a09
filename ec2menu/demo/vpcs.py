"""The demo's networks: which VPC is a region's main one, its subnets, addresses in them. All of it is moto's EC2.

For the builders of databases, caches and containers, which stand where the machines stand. Answers no call.
"""

import ipaddress
from collections import Counter
from typing import Any

from ec2menu.demo.nodes import ec2_instances, ec2_tags
from ec2menu.demo.strict import ACCOUNT_ID

ZONES = "abc"


def main_vpc(region: str) -> str:
    """Return the VPC that most instances of the region are in, or the default one, where new instances will be."""
    vpcs = Counter(instance.vpc_id for instance in ec2_instances(region).values() if instance.vpc_id)
    if vpcs:
        return str(vpcs.most_common(1)[0][0])
    return next((str(vpc.id) for vpc in _backend(region).vpcs.values() if vpc.is_default), "")


def vpc_named(region: str, name: str, *, prefix: str) -> str:
    """Return the VPC that carries a Name, made where there is none: `prefix`.0.0/16 with a subnet in three zones."""
    backend = _backend(region)
    for vpc_id in list(backend.vpcs):
        if ec2_tags(region, vpc_id).get("Name") == name:
            return str(vpc_id)
    vpc = backend.create_vpc(f"{prefix}.0.0/16", tags=[{"Key": "Name", "Value": name}])
    for index, zone in enumerate(ZONES):
        backend.create_subnet(vpc.id, f"{prefix}.{index * 16}.0/20", availability_zone=f"{region}{zone}")
    return str(vpc.id)


def subnets_of(region: str, vpc_id: str) -> list[Any]:
    """Return moto's subnets of a VPC, by zone."""
    zones = _backend(region).subnets.values()
    found = [subnet for subnets in list(zones) for subnet in list(subnets.values()) if subnet.vpc_id == vpc_id]
    return sorted(found, key=lambda subnet: str(subnet.availability_zone))


def vpc_of_subnet(region: str, subnet_id: str) -> str:
    """Return the VPC of a subnet, or nothing for an unknown one."""
    zones = list(_backend(region).subnets.values())
    return next((str(subnets[subnet_id].vpc_id) for subnets in zones if subnet_id in subnets), "")


def late_address(subnet: Any, number: int) -> str:
    """Return the `number`-th address of a subnet counted from its end, where no instance is."""
    network = ipaddress.ip_network(subnet.cidr_block)
    return str(network.broadcast_address - 1 - number % (network.num_addresses // 2))


def _backend(region: str) -> Any:
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - moto is imported when the server starts

    return ec2_backends[ACCOUNT_ID][region]
