"""The schemas of specs, as plain data: the API server refuses what does not match."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.definition_fields import definition_fields, one_definition
from esc_operator.manifests.pulumi_fields import exchange_has_an_account
from esc_operator.manifests.schema_parts import duration, flag, label_selector, text
from esc_operator.resources import GROUP, MANAGED_BY, MANAGED_BY_LABEL
from esc_operator.resources.sharing import EVERY_NAMESPACE

# Kinds of Secret that the API server acts upon: writing one would grant rights instead of storing values.
REFUSED_TYPES = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
NAME_PATTERN = f"^{_LABEL}([.]{_LABEL})*$"
"""What the API server accepts as the name of an object."""

# A rule, not a pattern: its error is a sentence, and not a regular expression.
_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "x-kubernetes-validations": [
        {
            "rule": f"self.matches('{NAME_PATTERN}')",
            "message": "a name has only lower-case letters, digits, - and ., and a letter or digit at both ends",
        }
    ],
}

_OF_NAMESPACE = "the name of a namespace has only lower-case letters, digits and -, and a letter or digit at both ends"
_NAMESPACE = {
    "type": "string",
    "minLength": 1,
    "maxLength": 63,
    "x-kubernetes-validations": [{"rule": f"self.matches('^{_LABEL}$')", "message": _OF_NAMESPACE}],
}


def environment_spec() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What the environment is made from, which Secret it fills, and who may use it.",
        "properties": {
            **definition_fields(),
            "serviceAccountName": {
                **_NAME,
                "default": "default",
                "description": "The ServiceAccount of this namespace whose identity the logins use. A cloud "
                "distinguishes environments only by it. Default: default.",
            },
            "refresh": _refresh(),
            "target": _target(),
            "rollout": _rollout("every workload of the namespace whose pods take the Secret"),
            "sharing": _sharing("none"),
            "trustedNamespaces": {
                "type": "array",
                "maxItems": 64,
                "x-kubernetes-list-type": "set",
                "items": _NAMESPACE,
                "description": "Namespaces whose definitions, when imported here, may open providers and rotators as "
                "this environment's ServiceAccount. If you trust a namespace, everyone who can write environments "
                "there can log in with this identity. Default: none, so only definitions of this namespace and "
                "ClusterEscEnvironments may.",
            },
            "suspend": flag("true: keep the Secret as it is and refresh nothing. Default: false."),
        },
        "x-kubernetes-validations": one_definition(),
    }


def cluster_environment_spec() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What the environment is made from, which Secrets it fills, and who may import it.",
        "properties": {
            **definition_fields(),
            "serviceAccount": {
                "type": "object",
                "description": "The ServiceAccount whose identity the logins use. Required if there are logins.",
                "required": ["namespace", "name"],
                "properties": {
                    "namespace": {**_NAMESPACE, "description": "The namespace of the ServiceAccount."},
                    "name": {**_NAME, "description": "The name of the ServiceAccount."},
                },
            },
            "refresh": _refresh(),
            "target": _spread(),
            "rollout": _rollout("every workload whose pods take the Secret, in each of its namespaces"),
            "sharing": _sharing("all"),
            "suspend": flag("true: keep the Secrets as they are and refresh nothing. Default: false."),
        },
        "x-kubernetes-validations": [
            *one_definition(),
            exchange_has_an_account(),
            {
                "rule": "!has(self.rollout) || has(self.target)",
                "message": "rollout replaces pods that take the Secrets of a target: set target too",
            },
        ],
    }


def _spread() -> dict[str, Any]:
    """A target in many namespaces."""
    target = _target(
        "What happens to a Secret when the environment is deleted or no longer selects its namespace. Delete: it is "
        "deleted too. Retain: it stays. Default: Delete.",
    )
    properties = {
        **target["properties"],
        "namespaces": {
            "type": "array",
            "maxItems": 512,
            "x-kubernetes-list-type": "set",
            "items": _NAMESPACE,
            "description": "Namespaces that get the Secret, such as [red, blue]. Default: those that namespaceSelector "
            "selects.",
        },
        "namespaceSelector": {
            "type": "object",
            "description": "Namespaces whose labels match get the Secret too; {} selects all. Default: only those in "
            "namespaces.",
            "properties": label_selector("a namespace"),
        },
    }
    return {
        "type": "object",
        "description": "The Secret to fill in many namespaces from one evaluation. Without it no Secret is filled: "
        "other environments import this one.",
        "properties": properties,
        "x-kubernetes-validations": [
            {
                "rule": "has(self.namespaces) || has(self.namespaceSelector)",
                "message": "set namespaces, namespaceSelector, or both",
            }
        ],
    }


def _sharing(default: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"Which other namespaces may import this environment. Default: {default}.",
        "properties": {
            "namespaces": {
                "type": "array",
                "maxItems": 512,
                "x-kubernetes-list-type": "set",
                "items": {
                    "type": "string",
                    "maxLength": 63,
                    "x-kubernetes-validations": [
                        {
                            "rule": f"self == '{EVERY_NAMESPACE}' || self.matches('^{_LABEL}$')",
                            "message": f"{_OF_NAMESPACE}; {EVERY_NAMESPACE} means all",
                        }
                    ],
                },
                "description": f'Namespaces whose environments may import it, such as [red, blue]; "{EVERY_NAMESPACE}" '
                f"means all. Default: {default}.",
            }
        },
    }


def _refresh() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "When the operator evaluates the environment again. Default: ahead of every expiry, and each "
        "hour.",
        "properties": {
            "interval": duration(
                "How often to read inputs that do not expire again, such as 10m, 1h30m or 1d; at least 30s. Default: "
                "1h.",
                "30s",
            ),
            "before": duration(
                "Renew credentials at least this long before they expire, such as 20m; if they do not live long "
                "enough for that, a third of their lifetime before. Default: a quarter of their lifetime, and at least "
                "15m where the lifetime allows it.",
                "1s",
            ),
        },
    }


def _target(
    deletion: str = "What happens to the Secret when the environment is deleted. Delete: it is deleted too. Retain: it "
    "stays. Default: Delete.",
) -> dict[str, Any]:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    refused = " && ".join(f"self != '{kind}'" for kind in REFUSED_TYPES)
    return {
        "type": "object",
        "description": "The Secret to fill. Default: one with the name of the environment.",
        "properties": {
            "name": {**_NAME, "description": "The name of the Secret. Default: the name of the environment."},
            "type": {
                "type": "string",
                "maxLength": 253,
                "description": "The type of the Secret, such as kubernetes.io/dockerconfigjson. The type of an "
                "existing Secret cannot be changed. Default: Opaque.",
                "x-kubernetes-validations": [
                    {"rule": refused, "message": "Secrets of this type grant rights and cannot be a target"}
                ],
            },
            "labels": {
                **texts,
                "maxProperties": 64,
                "description": "Labels of the Secret, such as {team: red}. Default: only the operator's own.",
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.all(key, !key.startsWith('{GROUP}/'))",
                        "message": f"only the operator sets labels of {GROUP}: choose other names",
                    },
                    {
                        "rule": f"!('{MANAGED_BY_LABEL}' in self) || self['{MANAGED_BY_LABEL}'] == '{MANAGED_BY}'",
                        "message": f"the operator finds its Secrets by {MANAGED_BY_LABEL}={MANAGED_BY}: leave that "
                        "label out",
                    },
                ],
            },
            "annotations": {
                **texts,
                "maxProperties": 64,
                "description": f"Annotations of the Secret, except those of {GROUP}. Default: only the operator's own.",
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
                "description": deletion,
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
                "description": "Labels that a workload must have, all of them, such as {app: web}. Required.",
            }
        },
        "description": "Selects workloads of the kind by their labels. Set either this or name.",
    }
    target = {
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": text(
                "The kind of the workload: Deployment, StatefulSet, DaemonSet, or Rollout of Argo Rollouts.",
                enum=["Deployment", "StatefulSet", "DaemonSet", "Rollout"],
            ),
            "name": {**_NAME, "description": "The name of the workload. Set either this or selector."},
            "selector": selector,
        },
        "x-kubernetes-validations": [
            {"rule": "has(self.name) != has(self.selector)", "message": "set either name or selector"}
        ],
    }
    return {
        "type": "object",
        "description": "What happens to pods when the Secret's data changes. Default: nothing.",
        "properties": {
            "policy": {
                "type": "string",
                "enum": ["Never", "OnChange"],
                "description": "OnChange: replace the pods that need the new values. Never: leave that to others. "
                "Default: Never.",
            },
            "targets": {
                "type": "array",
                "maxItems": 32,
                "items": target,
                "description": "The workloads whose pods need the values, such as [{kind: Deployment, name: web}]. "
                f"Default: {targets}.",
            },
            "minInterval": duration(
                "The minimum time between two rollouts of one workload, such as 90s or 10m; at least 1s. Default: 1m.",
                "1s",
            ),
        },
    }
