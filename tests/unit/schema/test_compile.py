"""Schemas are compiled from JSON data, or refused with a reason."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.schema import (
    ALWAYS,
    NEVER,
    STRING,
    NumberText,
    Schema,
    json_text,
    merged_schema,
)
from esc_operator.schema.compile import SchemaError, from_json
from esc_operator.schema.known import validate
from esc_operator.schema.meta import meta_schema
from esc_operator.schema.model import constant, record_of, tuple_of
from unit.schema.instances import Plain


def test_the_trivial_schemas_are_known_by_name() -> None:
    assert from_json(True) is ALWAYS
    assert from_json({}) is ALWAYS
    assert from_json({"title": "x", "type": None}) is ALWAYS
    assert from_json(False) is NEVER
    assert NEVER.is_never
    assert repr(NEVER) == "<Schema: never>"
    assert repr(from_json({"type": "string"})) == "<Schema: string>"
    assert repr(from_json({"$ref": "#/$defs/a", "$defs": {"a": True}})) == "<Schema: a>"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (5, "a schema must be a boolean or an object"),
        ({"items": 5}, "a schema must be a boolean or an object"),
        ({"type": "strange"}, "unknown type 'strange'"),
        ({"type": ["string", "null"]}, "unknown type ['string', 'null']"),
        ({"$ref": "other.json"}, "only fragment references of the form #/$defs/ref are supported"),
        ({"$ref": "#/$defs/a/b"}, "only fragment references of the form #/$defs/ref are supported"),
        ({"$ref": "#/$defs/a"}, "unknown subschema #/$defs/a"),
        ({"$ref": 5}, "expected a string"),
        ({"properties": []}, "expected an object"),
        ({"anyOf": {}}, "expected an array"),
        ({"required": "a"}, "expected an array"),
        ({"required": [5]}, "expected a string"),
        ({"minimum": "x"}, "cannot parse 'x' as a number"),
        ({"minLength": -1}, "cannot parse '-1' as a non-negative integer"),
        ({"maxItems": 1.5}, "cannot parse '1.5' as a non-negative integer"),
        ({"pattern": "("}, "error parsing regexp: missing closing ): `(`"),
        ({"pattern": 5}, "expected a string"),
    ],
)
def test_what_is_no_schema_is_refused(data: Any, problem: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        from_json(data)
    assert str(refusal.value) == problem


def test_a_schema_that_is_too_deep_is_refused() -> None:
    data: Any = True
    for _ in range(150):
        data = {"items": data, "type": "array"}
    with pytest.raises(SchemaError, match="nested more than 100 levels"):
        from_json(data)


def test_parts_of_unknowns_are_looked_up() -> None:
    schema = from_json(
        {
            "prefixItems": [{"type": "string"}],
            "items": {"type": "number"},
            "properties": {"a": {"type": "string"}},
            "additionalProperties": {"type": "number"},
        }
    )
    assert [schema.of_item(0).type, schema.of_item(1).type] == ["string", "number"]
    assert [schema.of_property("a").type, schema.of_property("b").type] == ["string", "number"]
    assert STRING.of_property("x") is ALWAYS
    assert STRING.of_item(0) is ALWAYS


def test_rotate_only_inputs_are_named_by_the_object_around_them() -> None:
    assert from_json({"rotateOnly": ["login"]}).rotate_only == frozenset(("login",))


def test_schemas_merge_like_the_values_they_stand_for() -> None:
    base = record_of({"a": STRING, "b": record_of({"x": STRING})})
    top = record_of({"b": record_of({"y": STRING}), "c": constant("null", None)})
    merged = merged_schema(base, top)
    assert sorted(merged.properties) == ["a", "b", "c"]
    assert sorted(merged.properties["b"].properties) == ["x", "y"]
    assert merged.required == ("a", "b", "c")
    assert merged_schema(None, top) is top
    assert merged_schema(base, STRING) is STRING
    assert merged_schema(STRING, top) is top


def test_further_properties_of_merged_schemas_may_be_anything() -> None:
    open_record = record_of({}, STRING)
    assert merged_schema(open_record, record_of({})).additional_properties is STRING
    assert merged_schema(record_of({}), open_record).additional_properties is STRING
    assert merged_schema(open_record, open_record).additional_properties is ALWAYS


def test_tuples_are_closed() -> None:
    assert tuple_of((STRING,)).items is NEVER


def test_a_reference_that_is_none_has_no_target() -> None:
    assert STRING.target() is None
    schema = from_json({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}})
    assert isinstance(schema.target(), Schema)


@pytest.mark.parametrize(
    "data",
    [
        True,
        {},
        {"type": "string", "const": {"a": 1}},
        {"anyOf": [True, {"items": False}]},
        {"unknown": [1]},
        {"properties": {"a": {"required": ["b"], "dependentRequired": {"a": ["b"]}}}},
        {"$defs": {"a": {}}, "minimum": 1},
    ],
)
def test_the_meta_schema_accepts_schemas(data: Any) -> None:
    assert validate(Plain(data), meta_schema())[0]


@pytest.mark.parametrize(
    "data", ["x", 5, {"type": "x"}, {"items": 5}, {"required": "a"}, {"minLength": "1"}, {"anyOf": [5]}]
)
def test_the_meta_schema_refuses_what_is_none(data: Any) -> None:
    assert not validate(Plain(data), meta_schema())[0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "null"),
        (True, "true"),
        (NumberText("1.50"), "1.50"),
        ({}, "{}"),
        ([], "[]"),
        ({"b": ["x", None], "a": False}, '{"a":false,"b":["x",null]}'),
        ("<&>\u2028\u2029", '"\\u003c\\u0026\\u003e\\u2028\\u2029"'),
        ('\x00\n"\\é', '"\\u0000\\n\\"\\\\é"'),
        ("\udc80", '"\ufffd"'),
    ],
)
def test_json_is_written_as_go_writes_it(data: Any, text: str) -> None:
    assert json_text(data) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_reads_back_as_what_was_written(data: Any) -> None:
    import json

    assert json.loads(json_text(data)) == data


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "items", "anyOf", "$ref", "pattern", "minimum", "required", "const", "properties", "$defs"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_compiling_gives_a_schema_or_says_why_not(data: Any) -> None:
    with contextlib.suppress(SchemaError):
        assert isinstance(from_json(data), Schema)
