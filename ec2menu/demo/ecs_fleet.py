"""The ECS clusters of the demo's showcase: services on both launch types, sidecars, and tasks that refuse exec.

Of the images most have bash, one has only sh (Alpine), and one no shell at all (distroless).
"""

from ec2menu.demo.ecs_tables import TaskSpec, add_cluster, add_service, add_tasks, cut_off, tables

DISTROLESS_ENVOY = "envoyproxy/envoy:distroless-v1.31-latest"
ALPINE_NODE = "public.ecr.aws/docker/library/node:22-alpine"


def seed_clusters(region: str) -> None:
    """Add the showcase clusters of `region`."""
    _seed_shop(region)
    _seed_payments(region)
    _seed_batch(region)
    add_cluster(region, "sandbox-empty")


def _seed_shop(region: str) -> None:
    add_cluster(region, "shop-prod")
    web = TaskSpec(
        family="shop-web",
        containers=("app", "envoy"),
        images={"envoy": DISTROLESS_ENVOY},
        ports={"app": (8080,), "envoy": (9901,)},
        shells={"envoy": ()},
    )
    add_service(region, "shop-prod", "web", spec=web, tasks=3)
    api = TaskSpec(
        family="shop-api",
        launch_type="EC2",
        images={"app": ALPINE_NODE},
        ports={"app": (3000,)},
        shells={"app": ("sh",)},
    )
    add_service(region, "shop-prod", "api", spec=api, tasks=2)
    frozen = TaskSpec(family="shop-search", read_only_root=True, ports={"app": (9200,)})
    add_service(region, "shop-prod", "search", spec=frozen, tasks=1)
    add_service(region, "shop-prod", "legacy-admin", spec=TaskSpec(family="legacy-admin"), desired=0)


def _seed_payments(region: str) -> None:
    """Fill a cluster with an underscore in its name, which an exec target cannot be split at."""
    add_cluster(region, "payments_prod")
    closed = TaskSpec(family="ledger", exec_enabled=False, ports={"app": (8443,)})
    add_service(region, "payments_prod", "ledger", spec=closed, tasks=2)
    waiting = TaskSpec(family="refunds", agent_status="PENDING", ports={"app": (8080,)})
    add_service(region, "payments_prod", "refunds", spec=waiting, tasks=1)
    starting = TaskSpec(service="refunds", family="refunds", last_status="PENDING", age_seconds=15)
    add_tasks(region, "payments_prod", spec=starting)
    windows = TaskSpec(family="invoices-net", launch_type="EC2", windows=True, ports={"app": (80,)})
    add_service(region, "payments_prod", "invoices", spec=windows, tasks=1)


def _seed_batch(region: str) -> None:
    add_cluster(region, "batch")
    nightly = TaskSpec(family="nightly-report", started_by="events-rule/nightly")
    add_tasks(region, "batch", 2, spec=nightly)
    add_tasks(region, "batch", spec=TaskSpec(family="nightly-report", last_status="STOPPED"))
    task_id = add_tasks(region, "batch", spec=TaskSpec(family="reindex"))[0].rpartition("/")[2]
    cut_off(region, tables.at(region).tasks["batch"][task_id]["containers"][0]["containerArn"])
