"""What waits for something outside goes on as soon as that is mended, and costs little until then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from cluster.harness import Tenant, wait_until
from esc_operator.kube.paths import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws import LocalAws

"""So often the AWS library itself asks before it gives up."""

MANY = 20


@pytest.fixture
def account(tenant: Tenant) -> str:
    """A ServiceAccount that is yet to be created, and a role that trusts it."""
    name = "late"
    issuer = tenant.cluster.issuer()
    tenant.role = tenant.aws.create_role(
        f"{tenant.namespace}-{name}",
        issuer,
        f"system:serviceaccount:{tenant.namespace}:{name}",
        max_session=43200,
    )
    return name


@pytest.fixture
def crowd(tenant: Tenant) -> Iterator[list[str]]:
    """Names of environments with a login each; in the end AWS is well and has been found to be."""
    names = [f"app-{number}" for number in range(MANY)]
    yield names
    tenant.aws.clear_faults()
    tenant.apply("last", tenant.login())
    wait_until(lambda: tenant.is_ready("last"), "AWS is used again", lambda: tenant.status("last"), patience=60)


def test_a_service_account_that_is_created_is_noticed_long_before_the_next_attempt(
    tenant: Tenant, account: str
) -> None:
    tenant.apply("app", tenant.login(), serviceAccountName=account)
    tenant.until_refused("app", "ServiceAccountMissing")
    wait_until(lambda: tenant.status("app").get("failures", 0) >= 4, "attempts grow rare", patience=60)
    tenant.create_service_account(account)
    wait_until(lambda: tenant.is_ready("app"), "it is ready", lambda: tenant.status("app"), patience=8)
    assert tenant.mints() == 1


def test_a_service_account_that_is_deleted_and_created_again(tenant: Tenant, aws: LocalAws, account: str) -> None:
    tenant.create_service_account(account)
    aws.settings(lifetime=20)
    tenant.apply("app", tenant.login(), serviceAccountName=account)
    tenant.until_ready("app")
    before = tenant.secret("app")
    tenant.cluster.must("DELETE", SERVICE_ACCOUNTS.path(tenant.namespace, account))
    tenant.until_refused("app", "ServiceAccountMissing", kind="Refreshed")
    assert tenant.secret("app") == before
    tenant.create_service_account(account)
    wait_until(
        lambda: tenant.condition("app", "Refreshed").get("status") == "True",
        "it is refreshed",
        lambda: tenant.status("app"),
        patience=10,
    )
    assert tenant.condition("app")["status"] == "True"
    assert tenant.secret("app") != before


def test_an_outage_costs_few_calls_however_many_wait_and_its_end_reaches_all_of_them(
    tenant: Tenant, aws: LocalAws, crowd: list[str]
) -> None:
    aws.inject(service="sts", status=503, code="ServiceUnavailable", message="down")
    asked = aws.mints().refusals.get("ServiceUnavailable", 0)
    began = time.monotonic()
    for name in crowd:
        tenant.apply(name, tenant.login(sessionName=name))
    for name in crowd:
        tenant.until_refused(name, "AWSUnavailable")
    wait_until(
        lambda: sum(tenant.status(name).get("failures", 0) for name in crowd) >= 2 * MANY,
        "all of them try again and again",
        patience=60,
    )
    pauses = (time.monotonic() - began) / 5 + 1
    calls = aws.mints().refusals["ServiceUnavailable"] - asked
    # Five until it is found out, those that were under way then, and one after each pause.
    assert calls <= 5 + 8 + pauses
    assert any("is paused" in tenant.condition(name)["message"] for name in crowd)
    aws.clear_faults()
    wait_until(
        lambda: all(tenant.is_ready(name) for name in crowd),
        "all are ready",
        lambda: [tenant.status(name) for name in crowd if not tenant.is_ready(name)],
        patience=60,
    )
    assert tenant.mints() == MANY


def test_when_aws_asks_to_wait_everybody_waits(tenant: Tenant, aws: LocalAws, crowd: list[str]) -> None:
    aws.inject(service="sts", status=429, code="Throttling", message="slow down", retry_after="12")
    asked = aws.mints().refusals.get("Throttling", 0)
    tenant.apply("first", tenant.login())
    tenant.until_refused("first", "Throttled")
    began = time.monotonic()
    aws.clear_faults()
    for name in crowd:
        tenant.apply(name, tenant.login(sessionName=name))
    message = tenant.until_refused(crowd[-1], "Throttled")
    assert "is paused until" in message
    wait_until(lambda: all(tenant.is_ready(name) for name in [*crowd, "first"]), "all are ready", patience=60)
    assert aws.mints().refusals["Throttling"] - asked == 1
    assert time.monotonic() - began >= 11
    assert tenant.mints() == MANY + 1
