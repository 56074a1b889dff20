"""What a real operator on a real API server tells Prometheus."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from cluster.harness import Tenant, variables, wait_until
from local_cluster import places

if TYPE_CHECKING:
    from local_aws import LocalAws
    from local_operator import LocalOperator

EXPIRES_IN = "esc_operator_environment_expires_in_seconds"
FAILING = "esc_operator_environment_failing_seconds"


class Scrape:
    def __init__(self, operator: LocalOperator) -> None:
        families = text_string_to_metric_families(operator.scrape())
        self._samples = [sample for family in families for sample in family.samples]

    def total(self, name: str, /, **labels: str) -> float:
        """The sum of all series of that name with those labels."""
        return sum(one.value for one in self._samples if one.name == name and labels.items() <= one.labels.items())

    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}

    def has(self, name: str, /, **labels: str) -> bool:
        return any(one.name == name and labels.items() <= one.labels.items() for one in self._samples)


def test_the_life_of_an_environment_is_reported(tenant: Tenant, aws: LocalAws, operator: LocalOperator) -> None:
    before, mints = Scrape(operator), sum(aws.mints().by_role.values())
    aws.settings(lifetime=8)
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    here = {"namespace": tenant.namespace, "name": "aws"}
    assert 0 < Scrape(operator).total(EXPIRES_IN, **here) <= 8
    minted = tenant.mints()
    wait_until(lambda: tenant.mints() > minted, "a renewal")
    tenant.until_ready("aws")
    wait_until(
        lambda: (
            Scrape(operator).total("esc_operator_mints_total", provider="aws-login")
            - before.total("esc_operator_mints_total", provider="aws-login")
            == sum(aws.mints().by_role.values()) - mints
        ),
        "every mint is counted, and nothing else is",
    )
    late = Scrape(operator)
    count = "esc_operator_refresh_lateness_seconds_count"
    assert late.total(count) > before.total(count)
    bucket = "esc_operator_refresh_lateness_seconds_bucket"
    assert late.total(bucket, le="5.0") - before.total(bucket, le="5.0") == late.total(count) - before.total(count)
    tenant.delete("aws")
    wait_until(lambda: not Scrape(operator).has(EXPIRES_IN, **here), "its series is gone with it")


def test_trouble_is_reported_until_it_is_over(tenant: Tenant, aws: LocalAws, operator: LocalOperator) -> None:
    before = Scrape(operator)
    aws.inject(service="sts", body="<garbage>", status=200)
    tenant.apply("aws", tenant.login())
    here = {"namespace": tenant.namespace, "name": "aws"}
    wait_until(lambda: Scrape(operator).has(FAILING, **here), "the failure is told")
    errors = {"provider": "aws-login", "reason": "MalformedAnswer"}
    name = "esc_operator_provider_errors_total"
    assert Scrape(operator).total(name, **errors) > before.total(name, **errors)
    aws.clear_faults()
    tenant.until_ready("aws")
    wait_until(lambda: not Scrape(operator).has(FAILING, **here), "it is over")


def test_all_that_alerts_and_dashboard_ask_for_is_reported(
    tenant: Tenant, aws: LocalAws, operator: LocalOperator
) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    aws.inject(service="sts", body="<garbage>", status=200)
    for number in range(8):  # enough of them that the provider is left alone, and calls are held back
        tenant.apply(f"failing-{number}", tenant.login(sessionName=f"session-{number}"))
    wait_until(
        lambda: metrics_named() <= Scrape(operator).names(),
        "all metrics are there",
        lambda: metrics_named() - Scrape(operator).names(),
    )
    out_of_order = "esc_operator_provider_out_of_order"
    assert Scrape(operator).total(out_of_order, provider="aws-login") == 1
    aws.clear_faults()
    wait_until(lambda: Scrape(operator).total(out_of_order, provider="aws-login") == 0, "it is called again")


def metrics_named() -> set[str]:
    """Every metric that a rule or a panel asks for."""
    folder = places.REPOSITORY / "deploy" / "monitoring"
    text = (folder / "rules.yaml").read_text() + (folder / "dashboard.json").read_text()
    return set(re.findall(r"\besc_operator_\w+", text))


def test_the_api_server_and_the_watches_are_reported(tenant: Tenant, operator: LocalOperator) -> None:
    tenant.apply("web", variables(A="1"))
    tenant.until_ready("web")
    seen = Scrape(operator)
    for labels in (
        {"verb": "patch", "resource": "secrets", "code": "200"},
        {"verb": "patch", "resource": "escenvironments/status", "code": "200"},
        {"verb": "watch", "resource": "secrets", "code": "200"},
    ):
        assert seen.total("esc_operator_kubernetes_requests_total", **labels) > 0, labels
    for watch in ("secrets", "escenvironments"):
        assert seen.has("esc_operator_watch_event_age_seconds", watch=watch), watch
        assert seen.total("esc_operator_watch_event_age_seconds", watch=watch) < 330, watch
    assert seen.total("esc_operator_scheduler_age_seconds") < 61
    assert seen.total("esc_operator_environment_conditions", type="Ready", status="True") > 0
