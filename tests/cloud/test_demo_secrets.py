"""Secrets Manager in the demo: the logins that RDS manages, those of proxies, and one that somebody made by hand."""

import json
from typing import Any

import pytest

from ec2menu.demo import rds, rds_tables
from ec2menu.demo.account import HOME_REGION as REGION
from ec2menu.demo.rds_fleet import CRM_SECRET
from ec2menu.demo.secrets import PASSWORD
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import refusal


@pytest.fixture
def secrets(client: Client) -> Any:
    return client("secretsmanager")


def test_every_managed_secret_of_the_showcase_holds_its_master_user(client: Client, secrets: Any) -> None:
    rds.seed(REGION)
    owners = client("rds").describe_db_instances()["DBInstances"] + client("rds").describe_db_clusters()["DBClusters"]
    managed = [each for each in owners if "MasterUserSecret" in each]
    assert len(managed) == 2
    for each in managed:
        arn = each["MasterUserSecret"]["SecretArn"]
        answer = secrets.get_secret_value(SecretId=arn)
        assert answer["ARN"] == arn
        assert answer["Name"].startswith("rds!")
        assert json.loads(answer["SecretString"]) == {"username": each["MasterUsername"], "password": PASSWORD}


def test_a_proxy_has_the_secret_that_it_names(client: Client, secrets: Any) -> None:
    rds_tables.add_proxy(REGION, "orders-proxy")
    (proxy,) = client("rds").describe_db_proxies()["DBProxies"]
    answer = secrets.get_secret_value(SecretId=proxy["Auth"][0]["SecretArn"])
    assert json.loads(answer["SecretString"])["username"] == "app"


def test_a_secret_made_by_hand_is_a_bare_password_found_by_name_and_arn(secrets: Any) -> None:
    rds.seed(REGION)
    answer = secrets.get_secret_value(SecretId=CRM_SECRET)
    assert answer["SecretString"] == PASSWORD
    assert secrets.get_secret_value(SecretId=answer["ARN"])["Name"] == "prod/crm"


def test_seeding_twice_changes_nothing(secrets: Any) -> None:
    rds.seed(REGION)
    before = secrets.get_secret_value(SecretId=CRM_SECRET)["ARN"]
    rds.seed(REGION)
    assert secrets.get_secret_value(SecretId=CRM_SECRET)["ARN"] == before


def test_an_unknown_secret_one_of_another_region_and_a_denied_one_are_refused(
    aws_demo: DemoAws, client: Client, secrets: Any
) -> None:
    rds.seed(REGION)
    assert refusal(secrets.get_secret_value, SecretId="nope")[0] == "ResourceNotFoundException"
    elsewhere = client("secretsmanager", "eu-west-1")
    assert refusal(elsewhere.get_secret_value, SecretId=CRM_SECRET)[0] == "ResourceNotFoundException"
    aws_demo.faults.deny("secretsmanager:GetSecretValue")
    code, text = refusal(secrets.get_secret_value, SecretId=CRM_SECRET)
    assert code == "AccessDeniedException"
    assert "secretsmanager:GetSecretValue" in text


def test_a_reset_forgets_the_secrets(aws_demo: DemoAws, secrets: Any) -> None:
    rds.seed(REGION)
    aws_demo.reset()
    assert refusal(secrets.get_secret_value, SecretId=CRM_SECRET)[0] == "ResourceNotFoundException"
