"""The yardstick from below: boto3 used plainly, one call after the other, as a script would.

`python -m tests.bench.sequential [--ec2-only] [REGION...]` prints ids; without regions it asks for the enabled ones.
A client per region and service, paginators with the largest pages, and the same fields read as ec2menu shows.
"""

import sys
from collections.abc import Sequence
from typing import Any

import boto3


def main(arguments: Sequence[str]) -> None:
    """Print the id of every machine."""
    is_ec2_only = "--ec2-only" in arguments
    regions = [argument for argument in arguments if not argument.startswith("-")]
    session = boto3.session.Session()
    if not regions:
        regions = [region["RegionName"] for region in session.client("ec2").describe_regions()["Regions"]]
    machines: dict[str, dict[str, Any]] = {}
    for region in regions:
        machines.update(list_instances(session, region))
        if not is_ec2_only:
            for node in list_nodes(session, region):
                machines.setdefault(node["id"], {}).update(node)
    print("\n".join(machines))


def list_instances(session: boto3.session.Session, region: str) -> dict[str, dict[str, Any]]:
    """Return the instances of a region by id (EC2 DescribeInstances)."""
    pages = session.client("ec2", region_name=region).get_paginator("describe_instances")
    return {
        entry["InstanceId"]: read_instance(entry)
        for page in pages.paginate(PaginationConfig={"PageSize": 1000})
        for reservation in page["Reservations"]
        for entry in reservation["Instances"]
    }


def read_instance(entry: dict[str, Any]) -> dict[str, Any]:
    """Read what ec2menu shows of an instance."""
    tags = {tag["Key"]: tag["Value"] for tag in entry.get("Tags", [])}
    return {
        "name": tags.get("Name", ""),
        "state": entry["State"]["Name"],
        "type": entry["InstanceType"],
        "private_ip": entry.get("PrivateIpAddress", ""),
        "public_ip": entry.get("PublicIpAddress", ""),
        "az": entry["Placement"]["AvailabilityZone"],
        "platform": entry.get("PlatformDetails", ""),
        "vpc_id": entry.get("VpcId", ""),
        "profile": entry.get("IamInstanceProfile", {}).get("Arn", ""),
        "launched": entry["LaunchTime"],
        "tags": tags,
    }


def list_nodes(session: boto3.session.Session, region: str) -> list[dict[str, Any]]:
    """Return what SSM knows of a region's machines (SSM DescribeInstanceInformation)."""
    pages = session.client("ssm", region_name=region).get_paginator("describe_instance_information")
    return [
        {
            "id": entry["InstanceId"],
            "ping": entry["PingStatus"],
            "last_ping": entry["LastPingDateTime"],
            "system": f"{entry['PlatformName']} {entry['PlatformVersion']}",
            "agent": entry["AgentVersion"],
            "ip": entry["IPAddress"],
            "host": entry["ComputerName"],
        }
        for page in pages.paginate(PaginationConfig={"PageSize": 50})
        for entry in page["InstanceInformationList"]
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
