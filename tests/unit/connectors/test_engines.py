"""Engines by AWS's names for them."""

import pytest

from ec2menu.connectors.engines import Family, engine_of

# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html and API_CreateDBCluster.html
NAMES = {
    Family.POSTGRES: ("postgres", "aurora-postgresql", "POSTGRESQL"),
    Family.MYSQL: ("mysql", "aurora-mysql", "aurora", "MYSQL"),
    Family.MARIADB: ("mariadb",),
    Family.SQLSERVER: ("sqlserver-ee", "sqlserver-ex", "sqlserver-dev-ee", "custom-sqlserver-web", "SQLSERVER"),
    Family.ORACLE: ("oracle-ee", "oracle-se2-cdb", "custom-oracle-ee", "custom-oracle-se2-cdb"),
    Family.DB2: ("db2-ae", "db2-ce", "db2-se"),
    Family.DOCDB: ("docdb",),
    Family.NEPTUNE: ("neptune",),
    Family.REDIS: ("redis",),
    Family.VALKEY: ("valkey",),
    Family.MEMCACHED: ("memcached",),
    Family.TCP: ("", "timestream-influxdb"),
}


@pytest.mark.parametrize(("family", "name"), [(family, name) for family, names in NAMES.items() for name in names])
def test_every_name_that_aws_has_for_an_engine_leads_to_its_family(family: Family, name: str) -> None:
    assert engine_of(name).family is family


def test_every_family_is_looked_at() -> None:
    assert set(NAMES) == set(Family)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("postgres", "PostgreSQL"),
        ("aurora-postgresql", "Aurora PostgreSQL"),
        ("aurora-mysql", "Aurora MySQL"),
        ("sqlserver-ex", "SQL Server"),
        ("timestream-influxdb", "timestream-influxdb"),
        ("", "TCP"),
    ],
)
def test_a_title_is_what_people_call_the_engine(name: str, title: str) -> None:
    assert engine_of(name).title == title


@pytest.mark.parametrize(
    ("name", "clients"),
    [
        ("postgres", ("psql", "pgcli")),
        ("aurora-mysql", ("mysql", "mariadb", "mycli")),
        ("mariadb", ("mariadb", "mysql", "mycli")),
        ("redis", ("redis-cli", "valkey-cli")),
        ("valkey", ("valkey-cli", "redis-cli")),
        ("memcached", ()),
        ("unheard-of", ()),
    ],
)
def test_clients_come_in_the_order_of_preference(name: str, clients: tuple[str, ...]) -> None:
    assert engine_of(name).clients == clients


@pytest.mark.parametrize("name", ["postgres", "mysql", "mariadb", "sqlserver-ex", "oracle-ee", "db2-se", "docdb"])
def test_a_jdbc_pattern_leads_to_the_tunnels_port(name: str) -> None:
    url = engine_of(name).jdbc.format(port=45001, database="shop")

    assert "127.0.0.1:45001" in url
    assert "shop" in url
