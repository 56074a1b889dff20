"""The schema of a status, as plain data."""

from __future__ import annotations

from typing import Any

from esc_operator.resources.status import MAX_FAILING, MAX_LOGINS


def environment_status() -> dict[str, Any]:
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
            "namespaces": {
                "type": "object",
                "description": "Of a ClusterEscEnvironment: how many namespaces are to get the Secret, and have it.",
                "properties": {
                    "matched": count,
                    "synced": count,
                    "failing": count,
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
