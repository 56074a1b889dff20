"""The fields of a spec for its definition, as plain data: exactly one of them is set."""

from __future__ import annotations

from typing import Any

from esc_operator.manifests.pulumi_fields import pulumi_fields
from esc_operator.manifests.schema_parts import key_of
from esc_operator.resources.definition_source import (
    CONFIG_MAP_FIELD,
    FIELDS,
    OBJECT_FIELD,
    PULUMI_FIELD,
    REFERENCE_FIELD,
    SECRET_FIELD,
    TEXT_FIELD,
)
from esc_operator.resources.extent import LARGEST_ENVIRONMENT


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
    fields = (CONFIG_MAP_FIELD, SECRET_FIELD, PULUMI_FIELD)
    named = f"{', '.join(fields[:-1])} and {fields[-1]}"
    of_this = "of this namespace, or of the operator's own for a ClusterEscEnvironment"
    example = "Example: {name: definitions, key: prod.yaml}. Required if no other source is set."
    return {
        "type": "object",
        "description": "Where the definition is, in place of environment or definition: as a text in another object, "
        "whose changes are followed within seconds, or in Pulumi Cloud. Required if neither environment nor definition "
        "is set.",
        "properties": {
            CONFIG_MAP_FIELD: key_of("ConfigMap", "the definition", f"A key of a ConfigMap: {of_this}. {example}"),
            SECRET_FIELD: key_of("Secret", "the definition", f"A key of a Secret: {of_this}. {example}"),
            PULUMI_FIELD: pulumi_fields(),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"[{', '.join(f'has(self.{name})' for name in fields)}].filter(one, one).size() == 1",
                "message": f"set exactly one of {named}",
            }
        ],
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
