"""Which workloads are rolled, and when. No node runs here, so a Deployment of no replicas is done at once, and one with
replicas never; that pods really get the values is for the tests on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant, stays, variables, wait_until
from esc_operator.kube.paths import WORKLOADS
from esc_operator.resources.workloads import REVISIONS

if TYPE_CHECKING:
    from local_operator import LocalOperator

DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, _ = WORKLOADS
ON_CHANGE = {"policy": "OnChange", "minInterval": "1s"}


def create(tenant: Tenant, resource: Any, name: str, pod: dict[str, Any], **spec: Any) -> None:
    labels = {"app": name}
    replicas = {} if resource is DAEMON_SETS else {"replicas": 0}
    body = {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            **replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            **spec,
        },
    }
    if resource is STATEFUL_SETS:
        body["spec"]["serviceName"] = name
    tenant.cluster.must("POST", resource.path(tenant.namespace), body)


def container(**fields: Any) -> dict[str, Any]:
    return {"name": f"c{len(fields)}", "image": "none", **fields}


def taking(secret: str) -> dict[str, Any]:
    return {"containers": [container(envFrom=[{"secretRef": {"name": secret}}])]}


def mark(tenant: Tenant, resource: Any, name: str) -> str:
    found = tenant.cluster.find(resource, tenant.namespace, name)
    assert found is not None
    annotations = found["spec"]["template"]["metadata"].get("annotations") or {}
    return str(annotations.get(REVISIONS, ""))


def rolled(tenant: Tenant, name: str) -> dict[str, Any]:
    return tenant.condition(name, "RolledOut")


def until_rolled(tenant: Tenant, reason: str) -> None:
    wait_until(lambda: rolled(tenant, "app").get("reason") == reason, reason, lambda: rolled(tenant, "app"))


def until_all_hold(tenant: Tenant, marked: str) -> None:
    """Wait for the rollout of just this revision: until it begins, the status tells of the one before."""
    wait_until(
        lambda: tenant.status("app").get("rolledOutRevision", "none") in marked, marked, lambda: tenant.status("app")
    )


def test_a_change_of_data_rolls_those_that_take_it_and_nobody_else(tenant: Tenant) -> None:
    key = {"secretKeyRef": {"name": "app", "key": "A"}}
    projected = {"projected": {"sources": [{"secret": {"name": "app"}}]}}
    create(tenant, DEPLOYMENTS, "env-from", taking("app"))
    create(
        tenant,
        DEPLOYMENTS,
        "init",
        {"initContainers": [container(env=[{"name": "A", "valueFrom": key}])], "containers": [container()]},
    )
    create(
        tenant,
        STATEFUL_SETS,
        "volume",
        {"volumes": [{"name": "v", "secret": {"secretName": "app"}}], "containers": [container()]},
    )
    create(tenant, DAEMON_SETS, "projected", {"volumes": [{"name": "v", **projected}], "containers": [container()]})
    create(tenant, DEPLOYMENTS, "other", taking("another"))
    tenant.apply("app", variables(A="1"), rollout=ON_CHANGE)
    tenant.until_ready("app")
    wait_until(lambda: rolled(tenant, "app").get("status") == "True", "nothing has to be rolled for the first data")
    assert mark(tenant, DEPLOYMENTS, "env-from") == ""
    tenant.apply("app", variables(A="2"), rollout=ON_CHANGE)
    for resource, name in [
        (DEPLOYMENTS, "env-from"),
        (DEPLOYMENTS, "init"),
        (STATEFUL_SETS, "volume"),
        (DAEMON_SETS, "projected"),
    ]:
        wait_until(lambda: mark(tenant, resource, name), f"{name} is rolled")  # noqa: B023
    until_all_hold(tenant, mark(tenant, DEPLOYMENTS, "env-from"))
    assert rolled(tenant, "app")["message"] == "all 4 workloads run with the current values"
    assert mark(tenant, DEPLOYMENTS, "other") == ""


def test_a_restart_or_a_change_without_new_data_rolls_nothing(tenant: Tenant, operator: LocalOperator) -> None:
    create(tenant, DEPLOYMENTS, "web", taking("app"))
    for value in ("1", "2"):
        tenant.apply("app", variables(A=value), rollout=ON_CHANGE)
        wait_until(lambda: (tenant.secret("app") or {}).get("data"), "the Secret is there")
        tenant.until_ready("app")
    wait_until(lambda: mark(tenant, DEPLOYMENTS, "web"), "it is rolled")
    before = mark(tenant, DEPLOYMENTS, "web")
    until_all_hold(tenant, before)
    operator.stop()
    operator.start()
    tenant.apply("app", {"values": {"x": 1, **variables(A="2")["values"]}}, rollout=ON_CHANGE)
    tenant.until_ready("app")
    stays(lambda: mark(tenant, DEPLOYMENTS, "web") == before, 2.0)


def test_the_policy_never_rolls_nothing(tenant: Tenant) -> None:
    create(tenant, DEPLOYMENTS, "web", taking("app"))
    for value in ("1", "2"):
        tenant.apply("app", variables(A=value))
        tenant.until_ready("app")
    stays(lambda: mark(tenant, DEPLOYMENTS, "web") == "", 1.0)
    assert rolled(tenant, "app") == {}


def test_named_targets_and_selectors(tenant: Tenant) -> None:
    create(tenant, DEPLOYMENTS, "named", {"containers": [container()]})
    create(tenant, STATEFUL_SETS, "labelled", {"containers": [container()]})
    create(tenant, DEPLOYMENTS, "takes-it", taking("app"))
    targets = [
        {"kind": "Deployment", "name": "named"},
        {"kind": "StatefulSet", "selector": {"matchLabels": {"app": "labelled"}}},
    ]
    for value in ("1", "2"):
        tenant.apply("app", variables(A=value), rollout={**ON_CHANGE, "targets": targets})
        tenant.until_ready("app")
        wait_until(lambda: tenant.values("app") == {"A": value}, "the value is there")  # noqa: B023
    wait_until(lambda: mark(tenant, DEPLOYMENTS, "named"), "the named one is rolled")
    wait_until(lambda: mark(tenant, STATEFUL_SETS, "labelled"), "the labelled one is rolled")
    assert mark(tenant, DEPLOYMENTS, "takes-it") == ""


def test_a_paused_workload_is_told_of_and_left_alone(tenant: Tenant) -> None:
    create(tenant, DEPLOYMENTS, "web", taking("app"), paused=True)
    for value in ("1", "2"):
        tenant.apply("app", variables(A=value), rollout=ON_CHANGE)
        tenant.until_ready("app")
    wait_until(
        lambda: rolled(tenant, "app").get("reason") == "RolloutBlocked", "it is told", lambda: rolled(tenant, "app")
    )
    assert "Deployment web: it is paused" in rolled(tenant, "app")["message"]
    assert mark(tenant, DEPLOYMENTS, "web") == ""
    assert tenant.condition("app")["status"] == "True"


def test_pods_that_do_not_come_are_reported(tenant: Tenant) -> None:
    create(tenant, DEPLOYMENTS, "web", taking("app"), replicas=1, progressDeadlineSeconds=5)
    for value in ("1", "2"):
        tenant.apply("app", variables(A=value), rollout=ON_CHANGE)
        tenant.until_ready("app")
    until_rolled(tenant, "RollingOut")
    until_rolled(tenant, "RolloutStuck")
    assert "progress deadline" in rolled(tenant, "app")["message"]


def test_a_mark_that_somebody_takes_off_is_put_back_and_reported(tenant: Tenant) -> None:
    create(tenant, DEPLOYMENTS, "web", taking("app"), replicas=1)
    for value in ("1", "2"):
        tenant.apply("app", variables(A=value), rollout=ON_CHANGE)
        tenant.until_ready("app")
    wait_until(lambda: mark(tenant, DEPLOYMENTS, "web"), "it is rolled")
    patch = {"spec": {"template": {"metadata": {"annotations": {REVISIONS: None}}}}}
    path = DEPLOYMENTS.path(tenant.namespace, "web")
    tenant.cluster.must("PATCH", path, patch, content_type="application/merge-patch+json")
    wait_until(lambda: mark(tenant, DEPLOYMENTS, "web"), "the mark is back")
