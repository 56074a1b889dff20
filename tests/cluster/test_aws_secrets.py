"""Secrets of Secrets Manager and parameters of Parameter Store, read with the keys of a role for a token of a real API
server. This AWS verifies each signature, and counts the calls of each key."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.harness import Tenant, wait_until
from esc_operator.kube.paths import EVENTS
from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws import LocalAws
    from local_operator import LocalOperator

REGION, OTHER_REGION = "us-east-1", "eu-west-1"
EXAMPLE = places.REPOSITORY / "deploy" / "examples" / "aws-secrets.yaml"


@pytest.fixture(autouse=True)
def ordinary(aws: LocalAws) -> Iterator[None]:
    yield
    aws.clear_faults()


class Team:
    """A namespace with secrets and parameters of its own."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.aws = tenant.aws

    def name(self, of: str) -> str:
        return f"{self.tenant.namespace}/{of}"

    def keep(self, of: str, value: str | bytes, region: str = REGION) -> None:
        kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
        self.aws.client("secretsmanager", region).create_secret(Name=self.name(of), **{kind: value})

    def change(self, of: str, value: str) -> str:
        answer = self.aws.client("secretsmanager").put_secret_value(SecretId=self.name(of), SecretString=value)
        return str(answer["VersionId"])

    def keep_parameter(self, of: str, value: str) -> None:
        self.aws.client("ssm").put_parameter(Name=f"/{self.name(of)}", Value=value, Type="SecureString")

    def login(self) -> dict[str, Any]:
        return {"fn::open::aws-login": {"oidc": {"roleArn": self.tenant.role, "sessionName": "reader"}}}

    def secrets(self, *names: str, **more: Any) -> dict[str, Any]:
        get = {name: {"secretId": self.name(name)} for name in names}
        return {"fn::open::aws-secrets": {"region": REGION, "login": "${login}", "get": get, **more}}

    def parameters(self, *names: str) -> dict[str, Any]:
        get = {name: {"name": f"/{self.name(name)}", "decrypt": True} for name in names}
        return {"fn::open::aws-parameter-store": {"region": REGION, "login": "${login}", "get": get}}

    def apply(self, variables: dict[str, str], *, name: str = "web", interval: str = "1h", **values: Any) -> None:
        definition = {"values": {"login": self.login(), **values, "environmentVariables": variables}}
        self.tenant.apply(name, definition, refresh={"interval": interval})

    def refresh(self, mark: str) -> None:
        self.tenant.annotate("web", annotations={"esc-operator.dev/rotate-requested-at": mark})

    def versions(self) -> dict[str, tuple[str, str]]:
        """By input: the name and the version that the status tells."""
        told = self.tenant.status("web").get("secretVersions") or ()
        return {one["input"]: (one.get("name", ""), one.get("version", "")) for one in told}

    def written(self) -> tuple[str, str, int]:
        """The versions of the Secret and of the environment, and how many events there are."""
        secret = self.tenant.secret("web") or {}
        events = self.tenant.cluster.must("GET", EVENTS.path(self.tenant.namespace))["items"]
        environment = self.tenant.environment("web")
        return secret["metadata"]["resourceVersion"], environment["metadata"]["resourceVersion"], len(events)

    def actions(self) -> Counter[str]:
        """How often each action was called by keys of this AWS's sessions."""
        found: Counter[str] = Counter()
        for key, services in self.aws.calls().items():
            if key.startswith("ASIA"):
                found += services["secretsmanager"].actions if "secretsmanager" in services else Counter()
                found += services["ssm"].actions if "ssm" in services else Counter()
        return found


@pytest.fixture
def team(tenant: Tenant, operator: LocalOperator) -> Team:
    return Team(tenant)


def test_an_environment_reads_both_stores_with_one_login_and_its_status_tells_the_versions(
    team: Team, operator: LocalOperator
) -> None:
    team.keep("database", json.dumps({"password": "from-secrets-manager"}))
    team.keep("api", "from-secrets-manager-too")
    team.keep("keystore", b"\x00\xff")
    team.keep_parameter("token", "from-parameter-store")
    team.aws.forget_counts()
    team.apply(
        {
            "PASSWORD": "${database.password}",
            "API_KEY": "${secrets.api}",
            "KEYSTORE": "${secrets.keystore}",
            "TOKEN": "${parameters.token}",
        },
        secrets=team.secrets("database", "api", "keystore"),
        database={"fn::fromJSON": "${secrets.database}"},
        parameters=team.parameters("token"),
    )
    team.tenant.until_ready("web")
    assert team.tenant.values("web") == {
        "PASSWORD": "from-secrets-manager",
        "API_KEY": "from-secrets-manager-too",
        "KEYSTORE": "AP8=",
        "TOKEN": "from-parameter-store",
    }
    assert team.aws.mints().by_role[team.tenant.role] == 1
    assert team.actions() == {"BatchGetSecretValue": 1, "GetParameters": 1}
    versions = team.versions()
    assert versions["get.token"] == (f"/{team.name('token')}", "1")
    assert versions["get.database"][0] == team.name("database")
    assert len(versions["get.database"][1]) > 30
    notes = {one["input"]: one.get("note") for one in team.tenant.status("web")["secretVersions"]}
    assert notes == {"get.database": None, "get.api": None, "get.keystore": "binary, as base64", "get.token": None}
    assert "from-" not in operator.log.read_text()
    assert "from-" not in json.dumps(team.tenant.environment("web"))


def test_it_is_read_again_each_interval_which_writes_only_what_has_changed(team: Team) -> None:
    """A quiet reading writes nothing and posts nothing; a changed secret arrives, with its version."""
    team.keep("api", "first")
    team.apply({"API_KEY": "${secrets.api}"}, interval="30s", secrets=team.secrets("api"))
    team.tenant.until_ready("web")
    team.aws.forget_counts()
    before = team.written()
    wait_until(lambda: team.actions()["GetSecretValue"] == 1, "another reading")
    time.sleep(1)  # whatever follows from it
    assert team.written() == before
    assert team.aws.mints().total == 0, "the login is shared"
    version = team.change("api", "second")
    wait_until(lambda: team.tenant.values("web")["API_KEY"] == "second", "the changed secret")
    wait_until(lambda: team.versions()["get.api"] == (team.name("api"), version), "its version")


def test_what_is_missing_or_denied_is_told_at_once_each_at_its_own_place_and_the_secret_stays(team: Team) -> None:
    for name in ("database", "api", "mail", "billing"):
        team.keep(name, f"value-of-{name}")
    secrets = team.secrets("database", "api", "mail", "billing")
    team.apply({"API_KEY": "${secrets.api}"}, secrets=secrets)
    team.tenant.until_ready("web")
    team.aws.deny(team.name("api"), "AccessDeniedException", "User is not authorized")
    team.aws.deny(team.name("mail"), "AccessDeniedException", "Access to KMS is not allowed")
    team.aws.client("secretsmanager").delete_secret(SecretId=team.name("billing"), ForceDeleteWithoutRecovery=True)
    team.refresh("1")
    message = team.tenant.until_refused("web", "AWSAccessDenied", kind="Refreshed")
    place = 'secrets["fn::open::aws-secrets"].get'
    assert f'{place}.api: the login may not read the secret "{team.name("api")}" in {REGION}: allow secr' in message
    assert (
        f'{place}.mail: the login may read the secret "{team.name("mail")}", but not decrypt it: allow kms' in message
    )
    assert f'{place}.billing: the secret "{team.name("billing")}" does not exist in {REGION}' in message
    assert "database" not in message
    assert team.tenant.values("web") == {"API_KEY": "value-of-api"}
    team.aws.clear_faults()
    team.keep("billing", "again")
    team.refresh("2")
    team.tenant.until_ready("web")
    wait_until(lambda: team.tenant.condition("web", "Refreshed").get("status") == "True", "it is refreshed again")


def test_200_secrets_take_ten_calls(team: Team) -> None:
    names = [f"n{number:03}" for number in range(200)]
    for name in names:
        team.keep(name, f"value-of-{name}")
    variables = {name.upper(): f"${{secrets.{name}}}" for name in names}
    team.aws.forget_counts()
    team.apply(variables, secrets=team.secrets(*names))
    team.tenant.until_ready("web")
    assert team.actions() == {"BatchGetSecretValue": 10}
    assert team.tenant.values("web")["N199"] == "value-of-n199"
    assert len(team.tenant.status("web")["secretVersions"]) == 64


def test_a_region_that_fails_is_replaced_by_the_next(team: Team) -> None:
    for region in (REGION, OTHER_REGION):
        team.keep("api", f"from {region}", region)
    team.aws.inject(service="secretsmanager", region=REGION, code="InternalServiceError", status=500)
    team.apply({"API_KEY": "${secrets.api}"}, secrets=team.secrets("api", failoverRegion=OTHER_REGION))
    team.tenant.until_ready("web")
    assert team.tenant.values("web") == {"API_KEY": f"from {OTHER_REGION}"}
    (told,) = team.tenant.status("web")["secretVersions"]
    assert told["note"] == f"read in {OTHER_REGION}"


def test_throttling_counts_against_the_account_and_is_tried_again(team: Team) -> None:
    team.keep("api", "at last")
    team.aws.inject(service="secretsmanager", code="ThrottlingException", message="Rate exceeded", count=1)
    team.apply({"API_KEY": "${secrets.api}"}, secrets=team.secrets("api"))
    team.tenant.until_ready("web")
    assert team.tenant.values("web") == {"API_KEY": "at last"}


def test_the_example_works_with_a_role_that_is_here(team: Team) -> None:
    secrets, parameters = team.aws.client("secretsmanager"), team.aws.client("ssm")
    secrets.create_secret(Name="prod/database", SecretString=json.dumps({"password": "of-the-example"}))
    secrets.create_secret(Name="prod/api", SecretString="key-of-the-example")
    parameters.put_parameter(Name="/prod/url", Value="https://example.com", Type="String")
    parameters.put_parameter(Name="/prod/token", Value="token-of-the-example", Type="SecureString")
    spec = yaml.safe_load(EXAMPLE.read_text())["spec"]
    text = yaml.safe_dump(spec["environment"]).replace("arn:aws:iam::123456789012:role/apps", team.tenant.role)
    team.tenant.apply("web", yaml.safe_load(text))
    team.tenant.until_ready("web")
    assert team.tenant.values("web") == {
        "DATABASE_PASSWORD": "of-the-example",
        "API_KEY": "key-of-the-example",
        "SERVICE_URL": "https://example.com",
        "SERVICE_TOKEN": "token-of-the-example",
    }
