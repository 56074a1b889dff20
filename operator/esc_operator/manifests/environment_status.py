"""The schema of a status, as plain data."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.schema_parts import COUNT, TIME, conditions
from esc_operator.resources.status import MAX_FAILING, MAX_LOGINS


def environment_status() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "conditions": conditions(),
            "observedGeneration": COUNT,
            "observedRotateRequest": {"type": "string"},
            "observedRotation": {"type": "string"},
            "rotation": {
                "type": "object",
                "description": "The run of an EscRotation that last requested new credentials.",
                "required": ["id", "requestedAt"],
                "properties": {
                    "id": {"type": "string", "minLength": 1, "maxLength": 128},
                    "name": {"type": "string", "maxLength": 253},
                    "requestedAt": TIME,
                    "rollout": {"type": "boolean", "description": "Whether it may replace pods."},
                },
            },
            "secretName": {"type": "string"},
            "secretResourceVersion": {"type": "string"},
            "variables": {"type": "array", "items": {"type": "string"}},
            "expiresAt": TIME,
            "refreshedAt": TIME,
            "nextRefreshAt": TIME,
            "failures": COUNT,
            "lastFailureAt": TIME,
            "rolledOutRevision": {"type": "string"},
            "rolloutStartedAt": TIME,
            "rolloutSeconds": COUNT,
            "rolloutDigest": {
                "type": "string",
                "description": "Of a ClusterEscEnvironment: a digest of the namespaces whose pods have their values.",
            },
            "imports": {
                "type": "array",
                "description": "The environments that this one imports, directly or through others of its namespace.",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "generation": COUNT, "uid": {"type": "string"}},
                },
            },
            "indirectImports": {
                "type": "string",
                "description": "A digest of everything that the imports import: it changes when any of that changes.",
            },
            "namespaces": {
                "type": "object",
                "description": "Of a ClusterEscEnvironment: how many namespaces should have the Secret, and have it.",
                "properties": {
                    "matched": COUNT,
                    "synced": COUNT,
                    "failing": COUNT,
                    "failures": _failing("Some of the namespaces that do not have it, and why."),
                    "rolledOut": {
                        **COUNT,
                        "description": "How many namespaces have all workloads running with their Secret's values.",
                    },
                    "behind": _failing("Some of the namespaces whose pods do not, and why."),
                },
            },
            "seals": {
                "type": "array",
                "maxItems": 2,
                "items": {"type": "string"},
                "description": "Of a ClusterEscEnvironment: marks that identify the Secrets that the operator made.",
            },
            "rotatorStates": {
                "type": "string",
                "description": "The Secret, as namespace/name, that holds the states of its rotators.",
            },
            "logins": {
                "type": "array",
                "maxItems": MAX_LOGINS,
                "description": "The providers that were opened, and the role that each used.",
                "items": {
                    "type": "object",
                    "required": ["provider"],
                    "properties": {
                        "provider": {"type": "string", "maxLength": 253},
                        "role": {"type": "string", "maxLength": 2048},
                        "roleHidden": {
                            "type": "boolean",
                            "description": "The role is a secret, or the provider does not report it: a rotation by "
                            "role includes the environment.",
                        },
                    },
                },
            },
            "moreLogins": {
                "type": "boolean",
                "description": "More may have been opened than logins lists: a rotation by provider or role includes "
                "the environment.",
            },
            "rotationsCountUntil": {
                **TIME,
                "description": "Each rotation that the annotation requests counts for a minute, one after the other, "
                "until then; while three count, the next one waits.",
            },
            "rotationDueAt": {
                **TIME,
                "description": "When the rotation that the annotation requests will start, if it has to wait.",
            },
            "allowances": {
                "type": "string",
                "description": "If a role is hidden: a digest of the roles that the namespace allowed at the last "
                "login.",
            },
        },
    }


def _failing(description: str) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "array",
        "maxItems": MAX_FAILING,
        "description": description,
        "items": {
            "type": "object",
            "required": ["namespace", "reason", "message"],
            "properties": {"namespace": text, "reason": text, "message": text},
        },
    }
