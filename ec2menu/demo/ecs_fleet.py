"""The ECS clusters of the demo's showcase: services on both launch types, sidecars, and tasks that refuse exec."""

from ec2menu.demo.ecs_tables import TaskSpec, add_cluster, add_service, add_tasks, cut_off, tables


def seed_clusters(region: str) -> None:
    """Add the showcase clusters of `region`."""
    _seed_shop(region)
    _seed_payments(region)
    _seed_batch(region)
    add_cluster(region, "sandbox-empty")


def _seed_shop(region: str) -> None:
    add_cluster(region, "shop-prod")
    web = TaskSpec(family="shop-web", containers=("app", "envoy"))
    add_service(region, "shop-prod", "web", spec=web, tasks=3)
    add_service(region, "shop-prod", "api", spec=TaskSpec(family="shop-api", launch_type="EC2"), tasks=2)
    frozen = TaskSpec(family="shop-search", read_only_root=True)
    add_service(region, "shop-prod", "search", spec=frozen, tasks=1)
    add_service(region, "shop-prod", "legacy-admin", spec=TaskSpec(family="legacy-admin"), desired=0)


def _seed_payments(region: str) -> None:
    """Fill a cluster with an underscore in its name, which an exec target cannot be split at."""
    add_cluster(region, "payments_prod")
    closed = TaskSpec(family="ledger", exec_enabled=False)
    add_service(region, "payments_prod", "ledger", spec=closed, tasks=2)
    waiting = TaskSpec(family="refunds", agent_status="PENDING")
    add_service(region, "payments_prod", "refunds", spec=waiting, tasks=1)
    starting = TaskSpec(service="refunds", family="refunds", last_status="PENDING", age_seconds=15)
    add_tasks(region, "payments_prod", spec=starting)


def _seed_batch(region: str) -> None:
    add_cluster(region, "batch")
    nightly = TaskSpec(family="nightly-report", started_by="events-rule/nightly")
    add_tasks(region, "batch", 2, spec=nightly)
    add_tasks(region, "batch", spec=TaskSpec(family="nightly-report", last_status="STOPPED"))
    task_id = add_tasks(region, "batch", spec=TaskSpec(family="reindex"))[0].rpartition("/")[2]
    cut_off(region, tables.at(region).tasks["batch"][task_id]["containers"][0]["containerArn"])
