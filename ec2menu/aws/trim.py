"""botocore's service models cut down to what the package uses: less to build for a client, fewer members to parse.

An EC2 client is a class of 800 methods, of which we call two; a DescribeInstances reply has some 150 members an
instance, of which we show ten, and botocore turns every one into Python objects under the interpreter's lock. Cut at
the place that botocore itself offers (a loader component). A model that does not look as expected is left as it is:
then everything works as before, only slower.
"""

import gzip
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader, instance_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What is used of a service: its operations, and of some shapes only these members."""

    operations: frozenset[str]
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)


USED: Mapping[str, Used] = {
    "ec2": Used(
        operations=frozenset({"DescribeInstances", "DescribeRegions", "DescribeSubnets", "StartInstances"}),
        members={
            "Reservation": frozenset({"Instances"}),
            "Instance": frozenset(
                {
                    "IamInstanceProfile",
                    "InstanceId",
                    "InstanceType",
                    "LaunchTime",
                    "Placement",
                    "Platform",
                    "PlatformDetails",
                    "PrivateIpAddress",
                    "PublicIpAddress",
                    "State",
                    "Tags",
                    "VpcId",
                }
            ),
            "Placement": frozenset({"AvailabilityZone"}),
        },
    ),
    "ssm": Used(
        operations=frozenset(
            {
                "CancelCommand",
                "DescribeInstanceInformation",
                "GetCommandInvocation",
                "ListCommandInvocations",
                "ListCommands",
                "SendCommand",
                "StartSession",
                "TerminateSession",
            }
        ),
        members={
            "InstanceInformation": frozenset(
                {
                    "AgentVersion",
                    "ComputerName",
                    "IPAddress",
                    "InstanceId",
                    "LastPingDateTime",
                    "Name",
                    "PingStatus",
                    "PlatformName",
                    "PlatformType",
                    "PlatformVersion",
                    "RegistrationDate",
                }
            ),
        },
    ),
    "rds": Used(
        operations=frozenset(
            {
                "DescribeDBClusters",
                "DescribeDBInstances",
                "DescribeDBProxies",
                "DescribeDBProxyEndpoints",
            }
        )
    ),
    "elasticache": Used(
        operations=frozenset(
            {
                "DescribeCacheClusters",
                "DescribeCacheSubnetGroups",
                "DescribeReplicationGroups",
                "DescribeServerlessCaches",
            }
        )
    ),
    "ecs": Used(
        operations=frozenset(
            {
                "DescribeTaskDefinition",
                "DescribeTasks",
                "ExecuteCommand",
                "ListClusters",
                "ListServices",
                "ListTasks",
            }
        )
    ),
    "secretsmanager": Used(operations=frozenset({"GetSecretValue"})),
}


class PlainFiles(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
    """botocore's reader of its files; plain dicts keep their order, too, and are made in half the time."""

    def load_file(self, file_path: str) -> Any:
        """Return what is in a file, named without its ending, or None where there is none."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes())
        return json.loads(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


class TrimmingLoader(Loader):  # type: ignore[misc]  # botocore has no types
    """botocore's loader of service models, handing out trimmed ones."""

    @instance_cache  # type: ignore[untyped-decorator]  # every model that is loaded asks
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        """Return the services there are, by their folders; botocore looks into each of 450 for its file."""
        folders = [folder for folder in self.search_paths if os.path.isdir(folder)]  # noqa: PTH112 - botocore has texts
        return sorted({entry.name for folder in folders for entry in os.scandir(folder) if entry.is_dir()})

    @instance_cache  # type: ignore[untyped-decorator]  # a client of every region asks
    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Return the model, trimmed where the service is in USED."""
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name != "service-2" or service_name not in USED:
            return model
        return trim(model, USED[service_name])


def make_loader(data_path: str | None) -> TrimmingLoader:
    """Return a loader that also looks where AWS_DATA_PATH says, as botocore's own does."""
    folders = [str(Path(folder).expanduser()) for folder in (data_path or "").split(os.pathsep) if folder]
    return TrimmingLoader(file_loader=PlainFiles(), extra_search_paths=folders)


def trim(model: Mapping[str, Any], used: Used) -> Mapping[str, Any]:
    """Return a copy of a service model with only what is used, or the model itself if any of that is missing."""
    operations, shapes = model.get("operations", {}), model.get("shapes", {})
    known = used.operations <= operations.keys() and all(
        members <= shapes.get(shape, {}).get("members", {}).keys() for shape, members in used.members.items()
    )
    if not known:
        return model
    fewer = {
        shape: {**shapes[shape], "members": {name: shapes[shape]["members"][name] for name in sorted(members)}}
        for shape, members in used.members.items()
    }
    return {
        **model,
        "operations": {name: operations[name] for name in sorted(used.operations)},
        "shapes": {**shapes, **fewer},
    }
