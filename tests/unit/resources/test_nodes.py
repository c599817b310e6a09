"""SSM-managed nodes: one dict to one model, and the columns."""

from datetime import timedelta
from typing import Any

import pytest

from ec2menu.models import Cell, ManagedNode, PingStatus, Style
from ec2menu.resources.nodes import COLUMNS, age_cell, parse_node
from tests.fakes.clock import START

ENTRY: dict[str, Any] = {
    "InstanceId": "mi-0123456789abcdef0",
    "PingStatus": "Online",
    "LastPingDateTime": START,
    "AgentVersion": "3.3.40.0",
    "PlatformType": "Linux",
    "PlatformName": "Ubuntu",
    "PlatformVersion": "22.04",
    "IPAddress": "192.168.0.9",
    "ComputerName": "db.corp",
    "Name": "on-prem-db",
    "RegistrationDate": START - timedelta(days=3),
    "ResourceType": "ManagedInstance",
}


def test_an_entry_becomes_a_node_with_every_field() -> None:
    found = parse_node(ENTRY, "eu-west-1")
    assert found == ManagedNode(
        id="mi-0123456789abcdef0",
        region="eu-west-1",
        ping=PingStatus.ONLINE,
        last_ping=START,
        platform_type="Linux",
        platform_name="Ubuntu",
        platform_version="22.04",
        agent_version="3.3.40.0",
        ip="192.168.0.9",
        computer_name="db.corp",
        name="on-prem-db",
        registered=START - timedelta(days=3),
    )
    assert found.is_hybrid
    assert (found.label, found.platform) == ("on-prem-db", "Ubuntu 22.04")


@pytest.mark.parametrize("status", ["Online", "ConnectionLost", "Inactive"])
def test_the_ping_status_keeps_the_word_of_aws(status: str) -> None:
    assert parse_node({"PingStatus": status}, "r").ping.value == status


@pytest.mark.parametrize("entry", [{}, {"PingStatus": "Dreaming"}, {"PingStatus": ""}])
def test_a_status_that_is_not_known_counts_as_lost(entry: dict[str, str]) -> None:
    assert parse_node(entry, "r").ping is PingStatus.CONNECTION_LOST


@pytest.mark.parametrize(
    ("entry", "platform"),
    [
        ({"PlatformName": "Microsoft Windows Server 2022 Datacenter", "PlatformVersion": "10.0.20348"}, "Windows"),
        ({"PlatformType": "Linux"}, "Linux"),
        ({"PlatformName": "Amazon Linux", "PlatformVersion": "2023"}, "Amazon Linux 2023"),
        ({}, ""),
    ],
)
def test_the_platform_is_what_people_call_it(entry: dict[str, str], platform: str) -> None:
    found = parse_node(entry, "r").platform
    assert found.startswith(platform)
    assert "10.0" not in found


def test_an_age_is_empty_where_the_moment_is_not_known() -> None:
    assert age_cell(None, START) == Cell(text="")
    assert age_cell(START - timedelta(minutes=3), START) == Cell(text="3m", sort_key=180.0)
    assert age_cell(START + timedelta(minutes=3), START).text == "0s"


def test_the_columns_show_a_node_online_and_one_lost() -> None:
    online, lost = parse_node(ENTRY, "r"), parse_node(ENTRY | {"PingStatus": "ConnectionLost", "Name": ""}, "r")
    row = {column.key: column.cell(online, START + timedelta(seconds=30)) for column in COLUMNS}
    assert {key: cell.text for key, cell in row.items()} == {
        "name": "on-prem-db",
        "id": "mi-0123456789abcdef0",
        "ping": "Online",
        "last_ping": "30s",
        "platform": "Ubuntu 22.04",
        "agent": "3.3.40.0",
        "ip": "192.168.0.9",
        "region": "r",
    }
    assert row["ping"].style is Style.GOOD
    other = {column.key: column.cell(lost, START) for column in COLUMNS}
    assert (other["ping"].style, other["name"].text) == (Style.BAD, "db.corp")
