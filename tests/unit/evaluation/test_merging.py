"""Values merge as the language says: objects unite, everything else replaces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation import Definition, Mode, Value
from esc_operator.evaluation.merging import merge
from esc_operator.evaluation.plain import from_data
from esc_operator.evaluation.rendering import to_json
from esc_operator.evaluation.trace import definitions_of
from esc_operator.evaluation.values import FINAL, SEALED, unknown
from esc_operator.lang import parse_text
from esc_operator.schema import STRING
from unit.evaluation.drive import World, evaluate, revealed, summaries

SCALARS = st.none() | st.booleans() | st.sampled_from(["x", "y"])
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), DATA, max_size=3)


def plain(data: Any) -> Value:
    return from_data(data, None, secret=False, deepest=50)


def merged(top: Any, base: Any) -> Any:
    return merge(plain(top), plain(base)).reveal()


@pytest.mark.parametrize(
    ("top", "base", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": None}, {"a": 1}, {"a": None}),
        ({"a": [1]}, {"a": [2, 3]}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": {"b": 1}}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": 5}),
        ({}, {"a": 1}, {"a": 1}),
        ([], {"a": 1}, []),
    ],
)
def test_merging_is_merge_patch_with_null_as_a_value(top: Any, base: Any, result: Any) -> None:
    assert merged(top, base) == result


def test_what_a_scalar_has_covered_stays_covered() -> None:
    bottom, middle, top = plain({"a": {"x": 1}}), plain({"a": 5}), plain({"a": {"y": 2}})
    assert merge(top, merge(middle, bottom)).reveal() == {"a": {"y": 2}}
    assert merge(merge(top, middle), bottom).reveal() == {"a": {"y": 2}}


@given(OBJECTS, OBJECTS, OBJECTS)
def test_merging_is_associative(top: Any, middle: Any, bottom: Any) -> None:
    one, two, three = plain(top), plain(middle), plain(bottom)
    assert merge(merge(one, two), three).reveal() == merge(one, merge(two, three)).reveal()


@given(OBJECTS)
def test_merging_over_itself_changes_nothing(data: Any) -> None:
    assert merged(data, data) == data
    value = plain(data)
    assert merge(value, value) is value
    assert merge(value, None) is value


def test_secrecy_stays_with_each_part() -> None:
    world = World({"base": 'values: {a: {fn::fromJSON: {fn::secret: \'{"x": 1, "y": 2}\'}}}'})
    evaluation = evaluate("imports: [base]\nvalues: {a: {y: 3, z: 4}}", world)
    assert evaluation.value is not None
    assert to_json(evaluation.value) == '{"a":{"x":"[secret]","y":3,"z":4}}'


def test_what_a_provider_gives_merges_like_any_object() -> None:
    world = World({"base": "values: {a: {x: 1}}"})
    assert revealed(evaluate("imports: [base]\nvalues: {a: {fn::open::echo: {y: 2}}}", world)) == {
        "a": {"x": 1, "y": 2}
    }
    world = World({"base": "values: {a: {fn::open::echo: {y: 2}}}"})
    assert revealed(evaluate("imports: [base]\nvalues: {a: {x: 1}, b: '${a.y}'}", world)) == {
        "a": {"x": 1, "y": 2},
        "b": 2,
    }


def test_a_reference_is_merged_without_touching_its_target() -> None:
    text = "imports: [base]\nvalues: {a: '${b}', b: {y: 2}}"
    found = revealed(evaluate(text, World({"base": "values: {a: {x: 1}, b: {z: 3}}"})))
    assert found == {"a": {"x": 1, "y": 2, "z": 3}, "b": {"y": 2, "z": 3}}


def test_conversion_and_wrappers_keep_what_is_inherited() -> None:
    # Upstream's string conversion, `fn::final` and `fn::validate` see the own properties only.
    text = """\
imports: [base]
values:
  a: {y: 2}
  s: x ${a}
  f: {fn::final: "${a}"}
  v: {fn::validate: {schema: true, value: "${a}"}}
"""
    found = revealed(evaluate(text, World({"base": "values: {a: {x: 1}}"})))
    assert found["s"] == 'x "x"="1","y"="2"'
    assert found["f"] == found["v"] == {"x": 1, "y": 2}


def test_an_object_over_something_unknown_has_its_own_keys_and_may_have_more() -> None:
    # Upstream's check calls `${a.b.c}` unknown, although opening finds it.
    base = "values: {a: {fn::open::echo: {b: {c: 1}}}}"
    text = "imports: [base]\nvalues: {a: {d: 2, b: {e: 3}}, x: '${a.d}', y: '${a.b.c}', z: '${a.q}'}"
    checked = evaluate(text, World({"base": base}), mode=Mode.CHECK)
    assert checked.ok, checked.diagnostics
    assert checked.value is not None
    assert checked.value.reveal()["a"] == {"d": 2, "b": {"e": 3}}
    assert checked.value.reveal()["x"] == 2
    opened = evaluate(text, World({"base": base}))
    assert summaries(opened) == ['unknown property "q"']


def test_an_unknown_that_is_no_object_has_no_properties() -> None:
    value = merge(plain({"a": 1}), unknown(None, STRING))
    assert value.reveal() == {"a": 1}
    assert value.flags & SEALED
    assert merge(value, plain({"b": 2})).reveal() == {"a": 1}
    assert value.member("b") is not None
    assert merge(plain({"a": 1}), plain("x")).member("b") is None


def test_a_final_value_is_kept_and_what_is_left_out_is_reported() -> None:
    blocked: list[Value] = []
    base = Value({"a": plain(1).marked(FINAL), "b": plain(2)}, None)
    top = Value({"a": Value(plain(3).reveal_content(), _expression()), "b": plain(4)}, None)
    assert merge(top, base, blocked).reveal() == {"a": 1, "b": 4}
    assert len(blocked) == 1


def _expression() -> Any:
    environment, _ = parse_text("t", "values: {a: b}")
    assert environment is not None
    return environment.root.entries[0].value


def test_a_final_member_of_an_opened_object_is_kept() -> None:
    world = World({"base": "values: {a: {x: {fn::final: 1}}}"})
    evaluation = evaluate("imports: [base]\nvalues: {a: {fn::open::echo: {x: 2, y: 3}}}", world)
    assert summaries(evaluation) == ["cannot override final value"]
    assert revealed(evaluation) == {"a": {"x": 1, "y": 3}}


def test_a_final_value_may_be_opened() -> None:
    world = World({"base": "values: {a: {fn::final: {fn::open::echo: {x: 1}}}}"})
    evaluation = evaluate("imports: [base]\nvalues: {a: {fn::open::echo: {x: 2}}, b: '${a.x}'}", world)
    assert revealed(evaluation) == {"a": {"x": 1}, "b": 1}
    assert [record.environment for record in evaluation.opens] == ["base"]


def test_a_value_knows_all_the_places_that_define_it() -> None:
    world = World({"one": "values: {a: {b: 1}}", "two": "values:\n  a: {b: 2}"})
    evaluation = evaluate("imports: [one, two]\nvalues:\n\n  a: {b: 3}\n  c: '${a.b}'", world)
    assert evaluation.value is not None
    found = evaluation.value.lookup(("a", "b"))
    assert found is not None
    assert [
        (place.environment, place.path, place.range and place.range.begin[:2]) for place in definitions_of(found)
    ] == [
        ("root", "values.a.b", (4, 10)),
        ("two", "values.a.b", (2, 10)),
        ("one", "values.a.b", (1, 17)),
    ]
    through_reference = evaluation.value.lookup(("c",))
    assert through_reference is not None
    assert definitions_of(through_reference)[0] == Definition(
        "values.c", "root", definitions_of(through_reference)[0].range
    )
