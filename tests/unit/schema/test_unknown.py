"""Values that are not there yet are held to what is known of them."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.schema.compile import from_json
from esc_operator.schema.known import validate
from unit.schema.instances import Unknown

STRING, NUMBER = {"type": "string"}, {"type": "number"}
TUPLE = {"type": "array", "prefixItems": [STRING, NUMBER], "items": False}
RECORD = {"type": "object", "properties": {"a": STRING}, "required": ["a"]}


def problems(found: Any, accept: Any) -> list[str]:
    accepted, findings = validate(Unknown(from_json(found)), from_json(accept))
    assert accepted == (not findings)
    return [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("found", "accept"),
    [
        (True, STRING),
        (STRING, True),
        (False, STRING),
        (False, False),
        (STRING, STRING),
        ({"type": "string", "const": "x"}, {"type": "string", "const": "y"}),
        (STRING, {"type": "string", "minLength": 5, "enum": ["x"]}),
        ({"anyOf": [STRING, NUMBER]}, STRING),
        ({"oneOf": [STRING, NUMBER]}, NUMBER),
        (STRING, {"anyOf": [STRING, NUMBER]}),
        (STRING, {"oneOf": [STRING, STRING]}),
        ({"$ref": "#/$defs/a", "$defs": {"a": STRING}}, STRING),
        (STRING, {"$ref": "#/$defs/a", "$defs": {"a": STRING}}),
        (TUPLE, TUPLE),
        (TUPLE, {"type": "array", "items": {"anyOf": [STRING, NUMBER]}}),
        ({"type": "array", "items": STRING}, {"type": "array", "items": STRING}),
        ({"type": "array", "prefixItems": [STRING], "items": False}, TUPLE),
        (RECORD, RECORD),
        (RECORD, {"type": "object", "additionalProperties": STRING}),
        ({"type": "object", "additionalProperties": STRING}, RECORD),
        ({"type": "object", "additionalProperties": False, "properties": {"a": STRING}}, {"type": "object"}),
        (RECORD, {"type": "object", "dependentRequired": {"b": ["c"]}}),
    ],
)
def test_what_may_fit_is_accepted(found: Any, accept: Any) -> None:
    assert problems(found, accept) == []


@pytest.mark.parametrize(
    ("found", "accept", "expected"),
    [
        (STRING, NUMBER, ["expected number, got string"]),
        (True, False, ["no value is allowed here"]),
        (STRING, False, ["no value is allowed here"]),
        (
            {"anyOf": [STRING, NUMBER]},
            {"type": "null"},
            ["expected null, got string", "expected null, got number", "at least one subschema must match"],
        ),
        (
            STRING,
            {"oneOf": [NUMBER, {"type": "null"}]},
            ["expected number, got string", "expected null, got string", "at least one subschema must match"],
        ),
        (TUPLE, {"type": "array", "items": STRING}, ["[1]: expected string, got number"]),
        ({"type": "array", "items": NUMBER}, {"type": "array", "items": STRING}, ["expected string, got number"]),
        (
            {"type": "array", "items": NUMBER},
            TUPLE,
            [
                "[0]: expected string, got number",
                "no value is allowed here",
            ],
        ),
        (RECORD, {"type": "object", "properties": {"a": NUMBER}}, ["a: expected number, got string"]),
        (RECORD, {"type": "object", "required": ["b", "a"]}, ["b: missing required property"]),
        (RECORD, {"type": "object", "required": ["b c"]}, ['["b c"]: missing required property']),
        (RECORD, {"type": "object", "dependentRequired": {"a": ["b"]}}, ["b: missing required property"]),
        (RECORD, {"type": "object", "additionalProperties": False}, ["a: no value is allowed here"]),
        (
            {"type": "object", "additionalProperties": NUMBER},
            {"type": "object", "additionalProperties": STRING},
            ["expected string, got number"],
        ),
        (
            {"type": "object", "properties": {"x": RECORD}},
            {"type": "object", "properties": {"x": {"properties": {"a": NUMBER}}}},
            ["x.a: expected number, got string"],
        ),
    ],
)
def test_what_cannot_fit_is_reported_with_the_way_to_it(found: Any, accept: Any, expected: list[str]) -> None:
    assert problems(found, accept) == expected
