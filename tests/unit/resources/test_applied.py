"""Nulls that `kubectl apply` takes out of an object are found in the manifest that it leaves in an annotation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources.applied import LAST_APPLIED, applied_manifest, applied_mark, find_lost_nulls
from esc_operator.resources.definition_source import ObjectSource, TextSource
from esc_operator.resources.environment import parse_environment
from esc_operator.resources.extent import without_definition

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def applied(definition: Any) -> str:
    return json.dumps({"spec": {"environment": definition}}, separators=(",", ":"))


def taken(definition: Any) -> Any:
    """What is left of it, as on a real API server: nulls of objects go, those of lists stay."""
    match definition:
        case dict():
            return {key: taken(value) for key, value in definition.items() if value is not None}
        case list():
            return [taken(item) for item in definition]
    return definition


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ({"values": {"environmentVariables": {"DB_URL": None}}}, "values.environmentVariables.DB_URL"),
        ({"values": {"top": None}}, "values.top"),
        ({"values": {"a": {"b": {"c": None}}}}, "values.a.b.c"),
        ({"values": {"list": [1, {"a": None, "b": 1}]}}, "values.list[1].a"),
        ({"imports": ["a", {"base": None}]}, "imports[1].base"),
        ({"values": {"files": {"kube config": None}}}, 'values.files["kube config"]'),
        ({"values": {"login": {"fn::open::x": {"scope": None}}}}, 'values.login["fn::open::x"].scope'),
    ],
)
def test_a_null_that_is_gone_is_found_with_its_path(definition: dict[str, Any], path: str) -> None:
    held = ObjectSource(taken(definition))
    assert find_lost_nulls(applied(definition), held) == (f"spec.environment.{path}",)
    assert find_lost_nulls(applied(definition), ObjectSource(definition)) == ()


@given(documents)
def test_every_null_that_is_gone_is_found_and_nothing_is_that_is_there(definition: Any) -> None:
    found = find_lost_nulls(applied(definition), ObjectSource(taken(definition)))
    assert bool(found) == (isinstance(definition, dict | list) and taken(definition) != definition)
    assert find_lost_nulls(applied(definition), ObjectSource(definition)) == ()


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "null",
        "{}",
        "[null]",
        '{"spec": null}',
        '{"spec": {"environment": null}}',
        "[" * 100_000,
        '{"null',
        "1" * 9_999,
    ],
)
def test_whatever_stands_in_the_annotation_is_read_without_a_crash(manifest: str) -> None:
    assert find_lost_nulls(manifest, ObjectSource({"values": {}})) == ()


def test_a_key_that_was_removed_from_the_object_by_another_tool_is_no_lost_null() -> None:
    assert find_lost_nulls(applied({"values": {"a": 1, "b": {"c": None}}}), ObjectSource({"values": {}})) == ()


def test_a_definition_that_is_a_text_loses_nothing() -> None:
    assert find_lost_nulls(applied({"values": {"a": None}}), TextSource("values: {}")) == ()


def test_so_many_are_found_and_no_more() -> None:
    assert len(find_lost_nulls(applied({str(number): None for number in range(500)}), ObjectSource({}))) == 64


def body(text: str | None, **fields: Any) -> dict[str, Any]:
    annotations = {} if text is None else {LAST_APPLIED: text}
    metadata = {"name": "app", "namespace": "apps", "uid": "1", "annotations": annotations}
    return {"metadata": metadata, "spec": {"environment": {}}, **fields}


def test_the_mark_changes_with_the_nulls_alone_and_survives_where_the_definition_is_left_out() -> None:
    one, other = body(applied({"a": None})), body(applied({"b": None}))
    assert applied_mark(one) not in {0, applied_mark(other)}
    assert applied_mark(without_definition(one, 20_000)) == applied_mark(one)
    assert parse_environment(without_definition(one, 20_000)).applied_mark == applied_mark(one)
    assert "null" not in repr(parse_environment(one))
    for without in (body(None), body(applied({"a": "x"}))):
        assert (applied_mark(without), applied_manifest(without)) == (0, "")
