"""Workloads of pods that call S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
