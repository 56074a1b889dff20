"""Workloads of pods that call a cloud, and what the cluster says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.kube.paths import WORKLOADS, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.harness import Tenant

DEPLOYMENTS = WORKLOADS[0]
PODS = Resource("/api/v1", "pods", "Pod")
CONFIG_MAPS = Resource("/api/v1", "configmaps", "ConfigMap")
ACCOUNT = "apps"
PATIENCE = 90.0


def taking(secret: str) -> dict[str, Any]:
    return {"envFrom": [{"secretRef": {"name": secret}}]}


def workload(name: str, pod: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """The body of a Deployment, StatefulSet or DaemonSet."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": dict(pod)}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template, "revisionHistoryLimit": 1000, **spec},
    }


def deploy(tenant: Tenant, name: str, pod: dict[str, Any], replicas: int = 1) -> None:
    body = workload(name, {"serviceAccountName": ACCOUNT, **pod}, replicas=replicas)
    tenant.cluster.must("POST", DEPLOYMENTS.path(tenant.namespace), body)


def pods(tenant: Tenant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tenant.cluster.must("GET", PODS.path(tenant.namespace))["items"]
    return found


def restarts(pod: dict[str, Any]) -> int:
    return sum(container["restartCount"] for container in pod["status"].get("containerStatuses") or ())


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether it has made its first call and the API server knows: only then is there a log to ask for."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
