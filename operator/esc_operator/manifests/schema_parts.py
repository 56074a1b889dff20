"""Parts of schemas that several kinds share."""

from __future__ import annotations

from typing import Any

TIME = {"type": "string", "format": "date-time"}
COUNT = {"type": "integer", "format": "int64"}


def conditions() -> dict[str, Any]:
    return {
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
                "observedGeneration": COUNT,
                "lastTransitionTime": TIME,
            },
        },
    }


def label_selector() -> dict[str, Any]:
    """The two fields of a label selector."""
    value = {"type": "string", "maxLength": 63}
    expression = {
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": {"type": "string", "minLength": 1, "maxLength": 317},
            "operator": {"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
            "values": {"type": "array", "maxItems": 64, "items": value},
        },
        "x-kubernetes-validations": [
            {
                "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                "message": "In and NotIn require values, Exists and DoesNotExist forbid them",
            }
        ],
    }
    return {
        "matchLabels": {"type": "object", "maxProperties": 16, "additionalProperties": value},
        "matchExpressions": {"type": "array", "maxItems": 16, "items": expression},
    }
