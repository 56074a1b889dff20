"""Values that are there are held to every keyword, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.schema.compile import from_json
from esc_operator.schema.known import validate
from unit.schema.instances import Plain, Unknown

STRING, NUMBER = {"type": "string"}, {"type": "number"}


def problems(schema: Any, data: Any) -> list[str]:
    accepted, findings = validate(data if isinstance(data, Plain) else Plain(data), from_json(schema))
    assert accepted == (not findings)
    return [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (True, {}),
        ({}, 5),
        ({"description": "anything"}, 5),
        (STRING, "x"),
        (NUMBER, 5),
        ({"type": "null"}, None),
        ({"type": "boolean"}, False),
        ({"const": None}, None),
        ({"const": [1, {"a": "b"}]}, [1, {"a": "b"}]),
        ({"const": 1.5}, 1.5),
        ({"enum": ["a", "b"]}, "b"),
        ({"multipleOf": 0.1}, 0.3),
        ({"multipleOf": 2}, 4),
        ({"minimum": 1, "maximum": 1}, 1),
        ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, 2),
        ({"minLength": 2, "maxLength": 2}, "é"),
        ({"pattern": "^a+$"}, "aa"),
        ({"minItems": 1, "maxItems": 1}, [1]),
        ({"prefixItems": [STRING], "items": NUMBER}, ["x", 1, 2]),
        ({"minProperties": 1, "maxProperties": 1}, {"a": 1}),
        ({"properties": {"a": STRING}, "additionalProperties": NUMBER}, {"a": "x", "b": 1}),
        ({"required": ["a"], "dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 2}),
        ({"dependentRequired": {"a": ["b"]}}, {}),
        ({"anyOf": [STRING, NUMBER]}, 5),
        ({"oneOf": [STRING, NUMBER]}, "x"),
        ({"$ref": "#/$defs/a", "$defs": {"a": STRING}}, "x"),
        ({"minimum": 5}, "a string is no number"),
        ({"uniqueItems": True}, [1, 1]),
    ],
)
def test_what_fits_is_accepted_without_a_word(schema: Any, data: Any) -> None:
    assert problems(schema, data) == []


@pytest.mark.parametrize(
    ("schema", "data", "expected"),
    [
        (False, 5, ["no value is allowed here"]),
        (STRING, 5, ["expected string, got number"]),
        ({"type": "object"}, None, ["expected object, got null"]),
        ({"type": "null"}, True, ["expected null, got boolean"]),
        ({"type": "array"}, {}, ["expected array, got object"]),
        ({"const": None}, [], ["expected null"]),
        ({"const": "<x>"}, "y", ['expected "\\u003cx\\u003e"']),
        ({"const": [1]}, [1, 2], ["expected [1]"]),
        ({"const": {"a": 1}}, {"a": 2}, ['expected {"a":1}']),
        ({"const": {"a": 1}}, {"b": 1}, ['expected {"a":1}']),
        ({"const": True}, "true", ["expected true"]),
        ({"enum": ["a"]}, "b", ['expected "a"']),
        ({"enum": ["a", 1]}, "b", ['expected one of ["a",1]']),
        ({"multipleOf": 2}, 3, ["expected a multiple of 2"]),
        ({"multipleOf": 0}, 3, ["expected a multiple of 0"]),
        ({"minimum": 2}, 1, ["expected a number greater than or equal to 2"]),
        ({"exclusiveMinimum": 2}, 2, ["expected a number greater than 2"]),
        ({"maximum": 2}, 3, ["expected a number less than or equal to2"]),
        ({"exclusiveMaximum": 2}, 2, ["expected a number less than 2"]),
        ({"minLength": 3}, "é", ["expected a string of at least length 3"]),
        ({"maxLength": 1}, "é", ["expected a string of at most length 1"]),
        ({"pattern": "^\\d$"}, "x", ['string must match the pattern "^\\\\d$"']),
        ({"minItems": 1}, [], ["expected an array with at least 1 items"]),
        ({"maxItems": 0}, [1], ["expected an array with at most 0 items"]),
        ({"minProperties": 1}, {}, ["expected an object with at least 1 properties"]),
        ({"maxProperties": 0}, {"a": 1}, ["expected an object with at most 0 properties"]),
        ({"required": ["b", "a"]}, {}, ["missing required properties: b, a"]),
        ({"dependentRequired": {"a": ["b", "c"]}}, {"a": 1}, ["missing required properties: b, c"]),
        ({"additionalProperties": False}, {"a": 1}, ['property "a" is not allowed']),
        ({"properties": {"a": False}}, {"a": 1}, ["no value is allowed here"]),
        ({"items": False, "prefixItems": [True]}, [1, 2], ["no value is allowed here"]),
        (
            {"anyOf": [STRING, NUMBER]},
            True,
            ["expected string, got boolean", "expected number, got boolean", "at least one subschema must match"],
        ),
        (
            {"oneOf": [STRING, NUMBER]},
            True,
            ["expected string, got boolean", "expected number, got boolean", "exactly one subschema must match"],
        ),
        ({"oneOf": [STRING, {"const": "x"}]}, "x", ["exactly one subschema may match"]),
        ({"$ref": "#/$defs/a", "$defs": {"a": STRING}}, 5, ["expected string, got number"]),
        (
            {"type": "number", "minimum": 5, "maximum": 1},
            3,
            [
                "expected a number greater than or equal to 5",
                "expected a number less than or equal to1",
            ],
        ),
        ({"items": STRING}, [1, "x", 2], ["expected string, got number"] * 2),
        (
            {"required": ["a"], "properties": {"b": STRING}},
            {"b": 1},
            [
                "expected string, got number",
                "missing required properties: a",
            ],
        ),
    ],
)
def test_every_failure_is_reported(schema: Any, data: Any, expected: list[str]) -> None:
    assert problems(schema, data) == expected


def test_a_failure_is_blamed_on_the_part_that_fails() -> None:
    wrong = Plain(5)
    _, (finding,) = validate(Plain({"a": ["x", wrong]}), from_json({"properties": {"a": {"items": STRING}}}))
    assert finding.instance is wrong


def test_unknown_parts_are_held_to_what_is_known_of_them() -> None:
    assert problems({"items": STRING}, [Unknown()]) == []
    assert problems({"items": STRING}, [Unknown(from_json(NUMBER))]) == ["expected string, got number"]
    assert problems({"const": ["x"]}, [Unknown()]) == ['expected ["x"]']


@pytest.mark.parametrize("text", ["1" * 5000, "-1e99999999", "1e99999999999999999999", "1e-99999999999999999999"])
def test_numbers_of_any_size_can_be_compared(text: str) -> None:
    for schema in ({"minimum": 1}, {"maximum": 1}, {"multipleOf": 3}):
        problems(schema, _Number(text))


class _Number(Plain):
    def reveal_scalar(self) -> Any:
        from esc_operator.schema import NumberText

        return NumberText(self._data)

    @property
    def json_type(self) -> Any:
        return "number"


RECURSIVE = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}}


def test_a_schema_that_never_ends_is_given_up() -> None:
    assert problems(RECURSIVE, 5) == ["the schema is too complex to be checked"]
    assert problems(RECURSIVE, Unknown(from_json(RECURSIVE))) == ["the schema is too complex to be checked"]
    wide = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/a"}] * 9}}}}
    deep: Any = []
    for _ in range(20):
        deep = [deep]
    assert problems(wide, deep) == ["the schema is too complex to be checked"]


def test_a_schema_may_refer_to_itself_where_the_value_ends() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}
    assert problems(tree, [[], [[]]]) == []
    assert problems(tree, [[], [5]]) == ["expected array, got number"]


def test_a_thousand_failures_are_not_all_told() -> None:
    _, findings = validate(Plain([1] * 1000), from_json({"items": STRING}))
    assert len(findings) == 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_every_value_is_accepted_as_the_constant_that_it_is(data: Any) -> None:
    assert problems({"const": data}, data) == []
    assert problems({"enum": [data]}, data) == []
