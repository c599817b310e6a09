"""The databases of the demo's showcase: one of each kind that a menu has to tell apart."""

from ec2menu.demo.fleet_data import WAREHOUSE, WAREHOUSE_PREFIX
from ec2menu.demo.rds_tables import add_cluster, add_instance, add_proxy, managed_secret
from ec2menu.demo.secrets import add_plain
from ec2menu.demo.vpcs import vpc_named

CRM_SECRET = "prod/crm"  # noqa: S105 - a name
"""A secret that somebody made by hand: the bare password of `crm`, and nothing in RDS points to it."""


def seed_databases(region: str) -> None:
    """Add the showcase databases of `region`."""
    _seed_clusters(region)
    _seed_instances(region)
    add_proxy(region, "orders-proxy", read_only_endpoints=["orders-proxy-ro"])
    add_proxy(region, "shop-proxy", engine_family="MYSQL", fields={"RequireTLS": False})
    add_plain(region, CRM_SECRET)


def _seed_clusters(region: str) -> None:
    orders = {
        "DatabaseName": "orders",
        "IAMDatabaseAuthenticationEnabled": True,
        "MasterUserSecret": managed_secret(region, "cluster-orders"),
    }
    add_cluster(region, "orders", readers=2, custom_endpoints=["orders-analytics"], fields=orders)
    add_cluster(region, "shop", engine="aurora-mysql", readers=1, fields={"DatabaseName": "shop"})
    add_cluster(region, "catalog-docs", engine="docdb", readers=1)
    add_cluster(region, "graph", engine="neptune", readers=0)


def _seed_instances(region: str) -> None:
    iam = {"IAMDatabaseAuthenticationEnabled": True, "DBName": "billing"}
    secret = {"MasterUserSecret": managed_secret(region, "db-billing-replica"), "DBName": "billing"}
    add_instance(region, "billing", fields=iam)
    add_instance(region, "billing-reporting", fields=secret | {"ReadReplicaSourceDBInstanceIdentifier": "billing"})
    add_instance(region, "wordpress", engine="mysql", fields={"DBName": "wp"})
    add_instance(region, "inventory", engine="mariadb", fields={"DBName": "inventory"})
    add_instance(region, "crm", engine="sqlserver-ex", fields={"LicenseModel": "license-included"})
    add_instance(region, "erp", engine="oracle-se2", fields={"DBName": "ORCL", "LicenseModel": "license-included"})
    add_instance(region, "billing-next", ready=False)
    add_instance(region, "old-archive", engine="mysql", fields={"DBInstanceStatus": "stopped"})


def seed_warehouse(region: str) -> None:
    """Add a database in a VPC of its own, in which no jump host runs."""
    vpc_id = vpc_named(region, WAREHOUSE, prefix=WAREHOUSE_PREFIX)
    group = {"DBSubnetGroupName": WAREHOUSE, "VpcId": vpc_id, "SubnetGroupStatus": "Complete"}
    add_instance(region, "warehouse", fields={"DBSubnetGroup": group, "DBName": "warehouse"})
