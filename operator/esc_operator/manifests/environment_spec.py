"""The schemas of specs, as plain data: the API server refuses what does not match."""

from __future__ import annotations

from typing import Any

from esc_operator.formats import durations
from esc_operator.manifests.schema_parts import label_selector
from esc_operator.resources import GROUP
from esc_operator.resources.sharing import EVERY_NAMESPACE

# Kinds of Secret that the API server acts upon: writing one would grant rights instead of storing values.
REFUSED_TYPES = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")

_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}

_NAMESPACE = {"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}


def environment_spec() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["environment"],
        "properties": {
            "environment": _definition(),
            "serviceAccountName": {
                **_NAME,
                "default": "default",
                "description": "The ServiceAccount of this namespace whose identity the logins use.",
            },
            "refresh": _refresh(),
            "target": _target(),
            "rollout": _rollout("By default every workload of the namespace whose pods take the Secret."),
            "sharing": _sharing("none"),
            "trustedNamespaces": {
                "type": "array",
                "maxItems": 64,
                "x-kubernetes-list-type": "set",
                "items": _NAMESPACE,
                "description": "Namespaces whose definitions, when imported here, may open providers and rotators as "
                "this environment's ServiceAccount. By default only definitions of this namespace and "
                "ClusterEscEnvironments may. If you trust a namespace, everyone who can write environments there can "
                "log in with this identity.",
            },
            "suspend": {
                "type": "boolean",
                "description": "Keep the Secret as it is and refresh nothing.",
            },
        },
    }


def cluster_environment_spec() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["environment"],
        "properties": {
            "environment": _definition(),
            "serviceAccount": {
                "type": "object",
                "description": "The ServiceAccount whose identity the logins use; required only if there are logins.",
                "required": ["namespace", "name"],
                "properties": {"namespace": _NAMESPACE, "name": _NAME},
            },
            "refresh": _refresh(),
            "target": _spread(),
            "rollout": _rollout("By default every workload whose pods take the Secret, in each of its namespaces."),
            "sharing": _sharing("all"),
            "suspend": {
                "type": "boolean",
                "description": "Keep the Secrets as they are and refresh nothing.",
            },
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(self.rollout) || has(self.target)",
                "message": "rollout replaces pods that take the Secrets of a target: set target too",
            }
        ],
    }


def _spread() -> dict[str, Any]:
    """A target in many namespaces."""
    target = _target()
    properties = {
        **target["properties"],
        "namespaces": {
            "type": "array",
            "maxItems": 512,
            "x-kubernetes-list-type": "set",
            "items": _NAMESPACE,
            "description": "Namespaces that get the Secret.",
        },
        "namespaceSelector": {
            "type": "object",
            "description": "Namespaces whose labels match also get the Secret; {} selects all.",
            "properties": label_selector(),
        },
    }
    return {
        "type": "object",
        "description": "The Secret to fill in many namespaces from one evaluation. Without it no Secret is filled.",
        "properties": properties,
        "x-kubernetes-validations": [
            {
                "rule": "has(self.namespaces) || has(self.namespaceSelector)",
                "message": "set namespaces, namespaceSelector, or both",
            }
        ],
    }


def _definition() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "The definition: imports and values, as in Pulumi ESC.",
        "x-kubernetes-preserve-unknown-fields": True,
    }


def _sharing(default: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"Which other namespaces may import this environment; {default} by default.",
        "properties": {
            "namespaces": {
                "type": "array",
                "maxItems": 512,
                "x-kubernetes-list-type": "set",
                "items": {
                    "type": "string",
                    "maxLength": 63,
                    "pattern": rf"^(\{EVERY_NAMESPACE}|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$",
                },
                "description": f'Namespaces whose environments may import it; "{EVERY_NAMESPACE}" means all.',
            }
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
            "interval": _duration("How often to read inputs without an expiry again; 1h by default.", "30s"),
            "before": _duration(
                "Renew credentials at least this long before they expire; by default a quarter of their lifetime, and "
                "at least 15m where the lifetime allows it.",
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
            "name": {**_NAME, "description": "Its name; by default that of the environment."},
            "type": {
                "type": "string",
                "maxLength": 253,
                "description": "Its type; Opaque by default. The type of an existing Secret cannot be changed.",
                "x-kubernetes-validations": [
                    {"rule": refused, "message": "Secrets of this type grant rights and cannot be a target"}
                ],
            },
            "labels": {**texts, "maxProperties": 64},
            "annotations": {
                **texts,
                "maxProperties": 64,
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.all(key, !key.startsWith('{GROUP}/'))",
                        "message": f"only the operator sets annotations of {GROUP}: choose other names",
                    }
                ],
            },
            "deletionPolicy": {
                "type": "string",
                "enum": ["Delete", "Retain"],
                "description": "Whether the Secret is deleted with the environment; Delete by default.",
            },
        },
    }


def _rollout(targets: str) -> dict[str, Any]:
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
            {"rule": "has(self.name) != has(self.selector)", "message": "set either name or selector"}
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
                "description": targets,
            },
            "minInterval": _duration("The minimum time between two rollouts of one workload; 1m by default.", "1s"),
        },
    }
