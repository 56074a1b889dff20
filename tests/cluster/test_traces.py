"""What a real operator sends to a collector, which decodes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.harness import Tenant, wait_until

if TYPE_CHECKING:
    from cluster.collector import Collector, SpanSeen


def test_a_first_sync_is_one_trace_from_the_environment_to_its_secret(tenant: Tenant, collector: Collector) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    wait_until(lambda: minting(tenant, collector), "its spans have been sent")
    reconcile, children = minting(tenant, collector)[0]
    assert reconcile.service == "esc-operator"
    (login,) = (span for span in children if span.name == "open")
    assert login.attributes == {"esc.provider": "aws-login", "esc.called": True}
    writes = [span.attributes for span in children if span.name == "kubernetes"]
    assert {"esc.verb": "patch", "esc.resource": "secrets", "esc.code": "201"} in writes
    assert {"esc.verb": "patch", "esc.resource": "escenvironments/status", "esc.code": "200"} in writes


def test_a_failure_is_traced_with_its_reason(tenant: Tenant, collector: Collector) -> None:
    tenant.apply("aws", tenant.login(roleArn="arn:aws:iam::123456789012:role/nobody"))
    wait_until(lambda: tenant.condition("aws").get("status") == "False", "the mistake is told")
    reason = tenant.condition("aws")["reason"]
    wait_until(
        lambda: any(
            span.name == "open" and span.attributes.get("esc.reason") == reason
            for _, children in reconciles(tenant, collector)
            for span in children
        ),
        "the failure has been sent",
    )


def reconciles(tenant: Tenant, collector: Collector) -> list[tuple[SpanSeen, list[SpanSeen]]]:
    """Each look at this namespace's `aws`, and what it consisted of."""
    spans = collector.spans()
    looks = [
        span
        for span in spans
        if span.name == "reconcile" and span.attributes["esc.environment"] == f"{tenant.namespace}/aws"
    ]
    return [(look, [span for span in spans if span.parent == look.span]) for look in looks]


def minting(tenant: Tenant, collector: Collector) -> list[tuple[SpanSeen, list[SpanSeen]]]:
    """Those in which a login succeeded."""
    return [
        (look, parts)
        for look, parts in reconciles(tenant, collector)
        if any(one.name == "open" and "esc.reason" not in one.attributes for one in parts)
    ]
