"""The schema of a status, as plain data."""

from __future__ import annotations

from typing import Any

from esc_operator.resources.crd_parts import COUNT, TIME, conditions
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
            "imports": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "generation": COUNT, "uid": {"type": "string"}},
                },
            },
            "namespaces": {
                "type": "object",
                "description": "Of a ClusterEscEnvironment: how many namespaces are to get the Secret, and have it.",
                "properties": {
                    "matched": COUNT,
                    "synced": COUNT,
                    "failing": COUNT,
                    "failures": {
                        "type": "array",
                        "maxItems": MAX_FAILING,
                        "items": {
                            "type": "object",
                            "required": ["namespace", "reason", "message"],
                            "properties": {
                                "namespace": {"type": "string"},
                                "reason": {"type": "string"},
                                "message": {"type": "string"},
                            },
                        },
                    },
                },
            },
            "seals": {
                "type": "array",
                "maxItems": 2,
                "items": {"type": "string"},
                "description": "Of a ClusterEscEnvironment: what tells the Secrets that the operator made from others.",
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
