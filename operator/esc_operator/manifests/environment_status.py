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
                "description": "The run of an EscRotation that has asked for new credentials last.",
                "required": ["id", "requestedAt"],
                "properties": {
                    "id": {"type": "string", "minLength": 1, "maxLength": 128},
                    "name": {"type": "string", "maxLength": 253},
                    "requestedAt": TIME,
                    "rollout": {"type": "boolean", "description": "Whether pods may be replaced for it."},
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
                "description": "Of a ClusterEscEnvironment: tells the namespaces whose pods are known to be right.",
            },
            "imports": {
                "type": "array",
                "description": "The environments that are imported by this one and by others of its namespace.",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "generation": COUNT, "uid": {"type": "string"}},
                },
            },
            "indirectImports": {
                "type": "string",
                "description": "Tells whether what the imports import in their turn is the same, and no more.",
            },
            "namespaces": {
                "type": "object",
                "description": "Of a ClusterEscEnvironment: how many namespaces are to get the Secret, and have it.",
                "properties": {
                    "matched": COUNT,
                    "synced": COUNT,
                    "failing": COUNT,
                    "failures": _failing("Some of those that do not have it, and why."),
                    "rolledOut": {
                        **COUNT,
                        "description": "In how many all workloads run with what the Secret there holds.",
                    },
                    "behind": _failing("Some of those whose pods do not, and why."),
                },
            },
            "seals": {
                "type": "array",
                "maxItems": 2,
                "items": {"type": "string"},
                "description": "Of a ClusterEscEnvironment: what tells the Secrets that the operator made from others.",
            },
            "rotatorStates": {
                "type": "string",
                "description": "The Secret, as namespace/name, that keeps the states of its rotators.",
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
                        "roleHidden": {
                            "type": "boolean",
                            "description": "The role is a secret, or the provider does not say it: a rotation by role "
                            "takes the environment along.",
                        },
                    },
                },
            },
            "moreLogins": {
                "type": "boolean",
                "description": "More may have been opened than logins says: a rotation by provider or role takes the "
                "environment along.",
            },
            "rotationsCountUntil": {
                **TIME,
                "description": "Each rotation that the annotation asks for counts for a minute, one after the other, "
                "until then; while three count, the next one waits.",
            },
            "rotationDueAt": {
                **TIME,
                "description": "When the rotation is done that the annotation asks for, where it has to wait.",
            },
            "allowances": {
                "type": "string",
                "description": "Where a role is hidden: a digest of the roles that the namespace allowed when it was "
                "last asked for.",
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
