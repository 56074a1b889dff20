"""Parts of schemas that several kinds share.

Each field has a description: `kubectl explain` shows it to people, and a test checks that it names the unit, and what
holds if the field is left out.
"""

from __future__ import annotations

from typing import Any

from esc_operator.formats import durations

META = {
    "apiVersion": {"type": "string", "description": "The version of this kind: esc-operator.dev/v1alpha1."},
    "kind": {"type": "string", "description": "The name of this kind."},
    # The API server describes it itself, and refuses a definition that does.
    "metadata": {"type": "object"},
}


def time(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "date-time", "description": description}


def count(description: str) -> dict[str, Any]:
    return {"type": "integer", "format": "int64", "description": description}


def text(description: str, **limits: Any) -> dict[str, Any]:
    return {"type": "string", **limits, "description": description}


def flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


def duration(description: str, at_least: str) -> dict[str, Any]:
    return {
        "type": "string",
        "maxLength": 32,
        "description": description,
        "x-kubernetes-validations": [
            {"rule": _IS_DURATION, "message": f"this is not a duration: write it like {durations.EXAMPLES}"},
            {
                # CEL knows neither days, which are always enough, nor the form of ISO 8601.
                "rule": f"!({_IS_DURATION}) || self.matches('[dD]') || "
                f"duration(self.startsWith('PT') ? self.substring(2).lowerAscii() : self) >= duration('{at_least}')",
                "message": f"must be at least {at_least}",
            },
        ],
    }


_IS_DURATION = f"self.matches('[0-9]') && self.matches('{durations.PATTERN}')"


def key_of(kind: str, value: str, description: str) -> dict[str, Any]:
    """A reference to a key of a ConfigMap or a Secret, at which `value` is, for the descriptions."""
    return {
        "type": "object",
        "description": description,
        "required": ["name", "key"],
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "description": f"The name of the {kind}.",
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.matches('{_OBJECT_NAME}')",
                        "message": f"must be the name of a {kind} in the same namespace: lower-case letters, digits, "
                        "'-' and '.'; another namespace cannot be named",
                    }
                ],
            },
            "key": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "description": f"The key whose value is {value}.",
                "x-kubernetes-validations": [
                    {
                        "rule": "self.matches('^[-._a-zA-Z0-9]+$')",
                        "message": f"must be a key of a {kind}: letters, digits, '-', '_' and '.'",
                    }
                ],
            },
        },
    }


_OBJECT_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


def observed_generation() -> dict[str, Any]:
    return count("The metadata.generation of the spec that this status is about.")


def conditions(description: str) -> dict[str, Any]:
    return {
        "type": "array",
        "description": description,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message"],
            "properties": {
                "type": text("The name of the condition."),
                "status": text(
                    "True, False, or Unknown if it is not known.",
                    enum=["True", "False", "Unknown"],
                ),
                "reason": text("One word for why, such as Synced. The README says what to do about each."),
                "message": text("What happened, why, and what to do about it."),
                "observedGeneration": count("The metadata.generation of the spec that the condition is about."),
                "lastTransitionTime": time("When status last changed, in UTC."),
            },
        },
    }


def label_selector(whose: str) -> dict[str, Any]:
    """The two fields of a label selector. `whose` labels they compare, for the descriptions."""
    value = {"type": "string", "maxLength": 63}
    expression = {
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": text("The key of the label, such as team.", minLength=1, maxLength=317),
            "operator": text(
                "In: the label has one of the values. NotIn: it has none of them, or is absent. Exists: it is there, "
                "with any value. DoesNotExist: it is absent.",
                enum=["In", "NotIn", "Exists", "DoesNotExist"],
            ),
            "values": {
                "type": "array",
                "maxItems": 64,
                "items": value,
                "description": "The values to compare with. Required for In and NotIn, forbidden otherwise.",
            },
        },
        "x-kubernetes-validations": [
            {
                "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                "message": "In and NotIn require values, Exists and DoesNotExist forbid them",
            }
        ],
    }
    return {
        "matchLabels": {
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": value,
            "description": f"Labels that {whose} must have, all of them, such as {{team: red}}. Default: none.",
        },
        "matchExpressions": {
            "type": "array",
            "maxItems": 16,
            "items": expression,
            "description": f"Conditions that the labels of {whose} must meet, all of them, such as "
            "[{key: team, operator: In, values: [red, blue]}]. Default: none.",
        },
    }
