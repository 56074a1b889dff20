"""`fn::rotate::azure-app-secret` on a real API server: whenever the operator ends, Entra takes what pods hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, wait_until
from cluster.test_cloud_logins import SCOPE, TENANT, azure_login, subject
from esc_operator.resources.sync_record import parse_sync_record
from local.asking import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_azure import LocalAzure
    from local_operator import LocalOperator

REQUEST = "esc-operator.dev/rotate-requested-at"


class Application:
    """An application whose secrets rotate, by another one that logs in with the environment's identity."""

    def __init__(self, tenant: Tenant, azure: LocalAzure) -> None:
        self.tenant, self.azure, self.client = tenant, azure, f"web-{tenant.namespace}"
        self.login = azure_login(tenant, azure, oidc=True)
        azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
        azure.create_application(TENANT, self.client)
        self.managed = azure.graph.create(self.client)
        azure.graph.let_manage(self.client, tenant.namespace)
        tenant.allow(urls=azure.url)

    def defined(self, **more: Any) -> dict[str, Any]:
        inputs = {"login": {"fn::open::azure-login": self.login}, "clientId": self.client, **more}
        return {
            "values": {
                "app": {"fn::rotate::azure-app-secret": {"inputs": inputs}},
                "environmentVariables": {"AZURE_CLIENT_SECRET": "${app.current.secretValue}"},
            }
        }

    def request(self, name: str) -> None:
        self.tenant.annotate("app", annotations={REQUEST: name})

    def rotate(self, name: str) -> str:
        """Request a rotation, wait until the Secret honours it, and answer the secret in use."""
        self.request(name)
        return self.until_honoured(name)

    def until_honoured(self, name: str) -> str:
        wait_until(lambda: self._honoured() == name, "it is honoured", lambda: self.tenant.status("app"), 90)
        wait_until(lambda: self.tenant.is_ready("app"), "it is told", lambda: self.tenant.status("app"))
        return self.in_use

    @property
    def in_use(self) -> str:
        return self.tenant.values("app")["AZURE_CLIENT_SECRET"]

    def _honoured(self) -> str:
        secret = self.tenant.secret("app")
        record = parse_sync_record(secret["metadata"]["annotations"]) if secret else None
        return record.rotate_request if record else ""

    def logs_in(self, secret: str) -> bool:
        form = {
            "client_id": self.client,
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_secret": secret,
        }
        return ask(self.azure, f"/{TENANT}/oauth2/v2.0/token", form)[0] == 200


@pytest.fixture
def application(tenant: Tenant, azure: LocalAzure) -> Iterator[Application]:
    yield Application(tenant, azure)
    azure.graph.after = lambda _: None


def test_secrets_alternate_and_the_one_before_still_logs_in(application: Application, operator: LocalOperator) -> None:
    tenant = application.tenant
    tenant.apply("app", application.defined(lifetimeInDays=30))
    assert "there is no client secret yet: rotate" in tenant.until_refused("app", "NotRotated")
    seen = [application.rotate("first"), application.rotate("second"), application.rotate("third")]
    assert len(set(seen)) == 3
    assert [application.logs_in(secret) for secret in seen] == [False, True, True]
    assert len(application.managed.passwords) == 2
    assert {(one.ends - one.starts).days for one in application.managed.passwords} <= {29, 30}
    told = operator.log.read_text() + json.dumps([tenant.environment("app"), tenant.events("app")])
    assert not [secret for secret in seen if secret in told]


@pytest.mark.parametrize("step", ["read", "removePassword", "addPassword"])
def test_an_operator_that_ends_after_any_step_leaves_the_secret_in_use_and_nothing_else(
    application: Application, operator: LocalOperator, step: str
) -> None:
    application.tenant.apply("app", application.defined())
    application.rotate("first")
    before = application.rotate("second")
    ended: list[str] = []

    def end(done: str) -> None:
        if done == step and not ended:
            ended.append(done)
            operator.kill()

    application.azure.graph.after = end
    application.request("third")
    wait_until(lambda: bool(ended), "the operator has ended", lambda: application.azure.graph.steps)
    assert application.in_use == before
    assert application.logs_in(before)
    operator.start()
    after = application.until_honoured("third")
    assert after != before
    assert application.logs_in(after)
    assert application.logs_in(before), "pods still hold it"
    assert len(application.managed.passwords) == 2


def test_refusals_of_graph_are_told_and_the_secret_in_use_stays(application: Application) -> None:
    tenant = application.tenant
    tenant.apply("app", application.defined())
    before = application.rotate("first")
    application.managed.managers.clear()
    application.request("second")
    message = tenant.until_refused("app", "AzureAccessDenied", "Refreshed")
    assert f"may not change the secrets of {application.client}: make it an owner of that" in message
    assert application.in_use == before
    assert application.logs_in(before)
    application.azure.graph.let_manage(application.client, tenant.namespace)
    after = application.rotate("third")
    assert application.logs_in(after)
    assert application.logs_in(before)
