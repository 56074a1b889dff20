"""The CustomResourceDefinition of EscEnvironment, as plain data. `crds/` holds what this makes; a test compares."""

from __future__ import annotations

from typing import Any

from esc_operator.resources import GROUP, VERSION, durations
from esc_operator.resources.status import MAX_LOGINS

# Kinds of Secret that the API server acts upon: writing one would hand out rights instead of values.
REFUSED_TYPES = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")

_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}


def environment_crd() -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"escenvironments.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "EscEnvironment",
                "listKind": "EscEnvironmentList",
                "plural": "escenvironments",
                "singular": "escenvironment",
                "shortNames": ["escenv"],
                "categories": ["esc"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _columns() -> list[dict[str, Any]]:
    # A date column shows an age, and "<invalid>" for a time to come: those to come are shown as they are.
    return [
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Reason", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
        {"name": "Secret", "type": "string", "jsonPath": ".status.secretName"},
        {"name": "Expires", "type": "string", "jsonPath": ".status.expiresAt"},
        {"name": "Refreshed", "type": "date", "jsonPath": ".status.refreshedAt"},
        {"name": "Next", "type": "string", "jsonPath": ".status.nextRefreshAt"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {
            "name": "Message",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Refreshed")].message',
            "priority": 1,
        },
    ]


def _schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An environment: values, imports, secrets and short-lived logins, kept in a Secret.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _spec(),
            "status": _status(),
        },
    }


def _spec() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["environment"],
        "properties": {
            "environment": {
                "type": "object",
                "description": "The definition: imports and values, as in Pulumi ESC.",
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "serviceAccountName": {
                **_NAME,
                "default": "default",
                "description": "The ServiceAccount, of this namespace, whose identity the logins use.",
            },
            "refresh": _refresh(),
            "target": _target(),
            "rollout": _rollout(),
            "suspend": {
                "type": "boolean",
                "description": "Keep the Secret as it is and refresh nothing.",
            },
        },
    }


def _duration(description: str, at_least: str) -> dict[str, Any]:
    return {
        "type": "string",
        "maxLength": 32,
        "pattern": durations.PATTERN,
        "description": description,
        "x-kubernetes-validations": [
            {"rule": f"duration(self) >= duration('{at_least}')", "message": f"must be at least {at_least}"}
        ],
    }


def _refresh() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "interval": _duration("How often inputs without an expiry are read again; 1h by default.", "30s"),
            "before": _duration(
                "Renew credentials at least so long before they expire; by default a quarter of their lifetime, and "
                "15m where the lifetime allows it.",
                "1s",
            ),
        },
    }


def _target() -> dict[str, Any]:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    refused = " && ".join(f"self != '{kind}'" for kind in REFUSED_TYPES)
    return {
        "type": "object",
        "description": "The Secret to fill.",
        "properties": {
            "name": {**_NAME, "description": "By default the name of the environment."},
            "type": {
                "type": "string",
                "maxLength": 253,
                "description": "By default Opaque; the type of an existing Secret cannot be changed.",
                "x-kubernetes-validations": [
                    {"rule": refused, "message": "Secrets of this type hand out rights and cannot be a target"}
                ],
            },
            "labels": {**texts, "maxProperties": 64},
            "annotations": {
                **texts,
                "maxProperties": 64,
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.all(key, !key.startsWith('{GROUP}/'))",
                        "message": f"annotations of {GROUP} are kept by the operator",
                    }
                ],
            },
            "deletionPolicy": {
                "type": "string",
                "enum": ["Delete", "Retain"],
                "description": "Whether the Secret goes with the environment; Delete by default.",
            },
        },
    }


def _rollout() -> dict[str, Any]:
    selector = {
        "type": "object",
        "required": ["matchLabels"],
        "properties": {
            "matchLabels": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 16,
                "additionalProperties": {"type": "string"},
            }
        },
    }
    target = {
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {"type": "string", "enum": ["Deployment", "StatefulSet", "DaemonSet", "Rollout"]},
            "name": _NAME,
            "selector": selector,
        },
        "x-kubernetes-validations": [
            {"rule": "has(self.name) != has(self.selector)", "message": "takes either a name or a selector"}
        ],
    }
    return {
        "type": "object",
        "description": "What happens to workloads when the Secret's data changes.",
        "properties": {
            "policy": {
                "type": "string",
                "enum": ["Never", "OnChange"],
                "description": "OnChange replaces the pods that need the new values; Never, the default, does not.",
            },
            "targets": {
                "type": "array",
                "maxItems": 32,
                "items": target,
                "description": "By default every workload of the namespace whose pods take the Secret.",
            },
            "minInterval": _duration("The least time between two rollouts of one workload; 1m by default.", "1s"),
        },
    }


def _status() -> dict[str, Any]:
    time = {"type": "string", "format": "date-time"}
    count = {"type": "integer", "format": "int64"}
    return {
        "type": "object",
        "properties": {
            "conditions": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status", "reason", "message"],
                    "properties": {
                        "type": {"type": "string"},
                        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                        "reason": {"type": "string"},
                        "message": {"type": "string"},
                        "observedGeneration": count,
                        "lastTransitionTime": time,
                    },
                },
            },
            "observedGeneration": count,
            "observedRotateRequest": {"type": "string"},
            "observedRotation": {"type": "string"},
            "rotation": {
                "type": "object",
                "description": "The run of an EscRotation that has asked for new credentials last.",
                "required": ["id", "requestedAt"],
                "properties": {
                    "id": {"type": "string", "minLength": 1, "maxLength": 128},
                    "name": {"type": "string", "maxLength": 253},
                    "requestedAt": time,
                    "rollout": {"type": "boolean", "description": "Whether pods may be replaced for it."},
                },
            },
            "secretName": {"type": "string"},
            "secretResourceVersion": {"type": "string"},
            "variables": {"type": "array", "items": {"type": "string"}},
            "expiresAt": time,
            "refreshedAt": time,
            "nextRefreshAt": time,
            "failures": count,
            "lastFailureAt": time,
            "rolledOutRevision": {"type": "string"},
            "rolloutStartedAt": time,
            "rolloutSeconds": count,
            "imports": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "generation": count}},
            },
            "logins": {
                "type": "array",
                "maxItems": MAX_LOGINS,
                "description": "The providers that were opened, and the role that each was asked for.",
                "items": {
                    "type": "object",
                    "required": ["provider"],
                    "properties": {
                        "provider": {"type": "string", "maxLength": 253},
                        "role": {"type": "string", "maxLength": 2048},
                    },
                },
            },
        },
    }
