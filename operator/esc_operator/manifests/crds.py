"""The CustomResourceDefinitions, as plain data. `crds/` holds what this makes; a test compares."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.environment_spec import cluster_environment_spec, environment_spec
from esc_operator.manifests.environment_status import cluster_environment_status, environment_status
from esc_operator.manifests.rotation_crd import rotation_crd
from esc_operator.manifests.schema_parts import META
from esc_operator.resources import CLUSTER_KIND, ENVIRONMENT_KIND, GROUP, VERSION


def definitions() -> tuple[dict[str, Any], ...]:
    return environment_crd(), cluster_environment_crd(), rotation_crd()


def environment_crd() -> dict[str, Any]:
    return _definition(
        ENVIRONMENT_KIND,
        scope="Namespaced",
        short="escenv",
        columns=_columns(),
        description="An environment: values, imports, secrets and short-lived logins, kept in a Secret.",
        parts={"spec": environment_spec(), "status": environment_status()},
    )


def cluster_environment_crd() -> dict[str, Any]:
    return _definition(
        CLUSTER_KIND,
        scope="Cluster",
        short="cescenv",
        columns=_cluster_columns(),
        description="A cluster-wide environment: others import it, and it can fill a Secret in many namespaces.",
        parts={"spec": cluster_environment_spec(), "status": cluster_environment_status()},
    )


def _definition(  # noqa: PLR0913 - the differences between kinds
    kind: str,
    *,
    scope: str,
    short: str,
    columns: list[dict[str, Any]],
    description: str,
    parts: dict[str, Any],
) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        **({"subresources": {"status": {}}} if "status" in parts else {}),
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": _schema(description, parts)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["esc"],
            },
            "versions": [version],
        },
    }


def _cluster_columns() -> list[dict[str, Any]]:
    first, second, *others = _columns()
    counts = [
        {"name": "Namespaces", "type": "integer", "jsonPath": ".status.namespaces.matched"},
        {"name": "Failing", "type": "integer", "jsonPath": ".status.namespaces.failing"},
    ]
    return [first, second, *counts, *others]


def _schema(description: str, parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            **META,
            **parts,
        },
    }


def _columns() -> list[dict[str, Any]]:
    # A date column shows an age, and "<invalid>" for a time in the future: those columns are strings.
    return [
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Reason", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
        # While the values last, Ready stays True though a refresh fails.
        {"name": "Refresh", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Refreshed")].reason'},
        {"name": "Warnings", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Warnings")].reason'},
        {"name": "Secret", "type": "string", "jsonPath": ".status.secretName"},
        {"name": "Expires", "type": "string", "jsonPath": ".status.expiresAt"},
        {"name": "Next", "type": "string", "jsonPath": ".status.nextRefreshAt"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        _wide("Origin", ".status.definitionOrigin"),
        _wide("Revision", ".status.definitionRevision"),
        _wide("Refreshed", ".status.refreshedAt", kind="date"),
        _wide("Message", '.status.conditions[?(@.type=="Refreshed")].message'),
        _wide("Warning", '.status.conditions[?(@.type=="Warnings")].message'),
    ]


def _wide(name: str, path: str, kind: str = "string") -> dict[str, Any]:
    """A column that only `-o wide` shows."""
    return {"name": name, "type": kind, "jsonPath": path, "priority": 1}
