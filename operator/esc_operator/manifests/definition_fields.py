"""The fields of a spec for its definition, as plain data: exactly one of them is set."""

from __future__ import annotations

from typing import Any

from esc_operator.resources.definition_source import (
    CONFIG_MAP_FIELD,
    FIELDS,
    OBJECT_FIELD,
    REFERENCE_FIELD,
    SECRET_FIELD,
    TEXT_FIELD,
)
from esc_operator.resources.extent import LARGEST_ENVIRONMENT

_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


def definition_fields() -> dict[str, Any]:
    return {
        OBJECT_FIELD: {
            "type": "object",
            "description": "The definition, in the language of Pulumi ESC: imports, and values, among which "
            "environmentVariables and files fill the Secret. kubectl reads an object as YAML 1.1 and takes nulls away: "
            "definition keeps every word. Required if neither definition nor environmentFrom is set. "
            "Example: {imports: [base], values: {environmentVariables: {REGION: "
            "eu-west-1}}}.",
            "x-kubernetes-preserve-unknown-fields": True,
        },
        TEXT_FIELD: {
            "type": "string",
            "maxLength": LARGEST_ENVIRONMENT,
            "description": "The definition as a text, in place of environment: what stands in Pulumi ESC or in a file, "
            "to the letter, as a YAML block (definition: |). Errors name line and column. Required if neither "
            "environment nor environmentFrom is set. Example: a block with "
            "'values: {environmentVariables: {COUNTRY: no}}'.",
            "x-kubernetes-validations": [
                {
                    "rule": "size(self) > 0",
                    "message": "the definition is empty: write the text of an environment, such as 'values: {}'",
                }
            ],
        },
        REFERENCE_FIELD: _reference(),
    }


def _reference() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Where the definition is, in place of environment or definition: as a text in another object. A "
        "change is followed within seconds. Required if neither environment nor definition is set.",
        "properties": {
            CONFIG_MAP_FIELD: _key_of("ConfigMap", SECRET_FIELD),
            SECRET_FIELD: _key_of("Secret", CONFIG_MAP_FIELD),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"has(self.{CONFIG_MAP_FIELD}) != has(self.{SECRET_FIELD})",
                "message": f"set either {CONFIG_MAP_FIELD} or {SECRET_FIELD}",
            }
        ],
    }


def _key_of(kind: str, other: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"A key of a {kind}: of this namespace, or of the operator's own for a ClusterEscEnvironment. "
        f"Example: {{name: definitions, key: prod.yaml}}. Required if {other} is not set.",
        "required": ["name", "key"],
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "description": f"The name of the {kind}.",
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.matches('{_NAME}')",
                        "message": f"must be the name of a {kind} in the same namespace: lower-case letters, digits, "
                        "'-' and '.'; another namespace cannot be named",
                    }
                ],
            },
            "key": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "description": "The key whose value is the definition.",
                "x-kubernetes-validations": [
                    {
                        "rule": "self.matches('^[-._a-zA-Z0-9]+$')",
                        "message": f"must be a key of a {kind}: letters, digits, '-', '_' and '.'",
                    }
                ],
            },
        },
    }


def one_definition() -> list[dict[str, Any]]:
    """The rules that exactly one is set."""
    fields = [f"has(self.{name})" for name in FIELDS]
    named = f"{', '.join(FIELDS[:-1])} and {FIELDS[-1]}"
    return [
        {
            "rule": " || ".join(fields),
            "message": f"there is no definition: set one of {named}",
        },
        {
            "rule": f"[{', '.join(fields)}].filter(one, one).size() <= 1",
            "message": f"there is more than one definition: keep one of {named}, and remove the others",
        },
    ]
