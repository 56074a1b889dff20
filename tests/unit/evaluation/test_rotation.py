"""Rotators open from their state, and in a rotation renew it first."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.evaluation import (
    Described,
    Failed,
    Mode,
    Opened,
    OpenRotator,
    Rotated,
    RotateState,
    RotationStatus,
)
from esc_operator.lang import parse_text
from esc_operator.schema.compile import from_json
from unit.evaluation.drive import World, drive, evaluate, revealed, summaries

STATE = from_json({"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]})
INPUTS = from_json(
    {
        "type": "object",
        "properties": {"user": {"type": "string"}, "nested": {"type": "object", "rotateOnly": ["admin"]}},
        "required": ["login", "user"],
        "rotateOnly": ["login"],
    }
)


def opened(effect: OpenRotator) -> Any:
    return Opened({"key": (effect.state or {}).get("key", "none"), "inputs": effect.inputs}, secret=False)


def renewed(effect: RotateState) -> Any:
    return Rotated({"key": f"new {effect.inputs['login']}"}, secret=False)


def world(environments: dict[str, str] | None = None, rotate: Any = renewed) -> World:
    return World(environments, rotators={"keys": (Described(INPUTS, state=STATE), opened, rotate)})


TEXT = """\
values:
  one:
    fn::rotate::keys:
      inputs: {login: "${admin}", user: me, nested: {admin: "${admin}", x: 1}}
      state: {key: old}
  two:
    fn::rotate:
      provider: keys
      inputs: {login: root, user: me}
  admin: {fn::open::echo: {password: x}}
  use: ${one.key}
"""


def test_opening_uses_the_state_and_leaves_rotate_only_inputs_alone() -> None:
    outside = world()
    found = revealed(evaluate(TEXT, outside))
    assert found["one"]["key"] == found["use"] == "old"
    assert found["one"]["inputs"] == {"login": "[unknown]", "user": "me", "nested": {"admin": "[unknown]", "x": 1}}
    assert found["two"]["key"] == "none"
    assert outside.asked_for(RotateState) == []


def test_a_rotation_renews_the_state_and_says_where_it_belongs() -> None:
    evaluation = evaluate(TEXT.replace('"${admin}"', "admin"), world(), mode=Mode.ROTATE)
    assert revealed(evaluation)["use"] == "new admin"
    assert [(patch.path, patch.replacement.reveal()) for patch in evaluation.patches] == [
        ('values.one["fn::rotate::keys"].state', {"key": "new admin"}),
        ('values.two["fn::rotate"].state', {"key": "new root"}),
    ]
    assert {rotation.status for rotation in evaluation.rotations} == {RotationStatus.SUCCEEDED}


def test_only_the_chosen_rotators_rotate() -> None:
    evaluation = evaluate(TEXT.replace('"${admin}"', "admin"), world(), mode=Mode.ROTATE, rotate_paths=["two"])
    assert [patch.path for patch in evaluation.patches] == ['values.two["fn::rotate"].state']
    assert revealed(evaluation)["use"] == "old"


@pytest.mark.parametrize("path", ['two.b-c["d.e"]', 'two["b-c"]["d.e"]', '["two"].b-c["d.e"]', '["two"]["b-c"]["d.e"]'])
def test_the_place_of_a_rotator_is_the_same_however_its_path_is_written(path: str) -> None:
    call = "{fn::rotate::keys: {inputs: {login: admin, user: me}, state: {key: old}}}"
    text = f"values: {{two: {{b-c: {{d.e: {call}, 'd': {{e: {call}}}}}}}}}"
    evaluation = evaluate(text, world(), mode=Mode.ROTATE, rotate_paths=[path])
    assert [patch.path for patch in evaluation.patches] == ['values.two["b-c"]["d.e"]["fn::rotate::keys"].state']


def test_a_place_in_an_argument_and_in_a_list_is_found() -> None:
    call = "{fn::rotate::keys: {inputs: {login: admin, user: me}, state: {key: old}}}"
    text = f"values: {{a: {{fn::toJSON: [{call}, {call}]}}}}"
    evaluation = evaluate(text, world(), mode=Mode.ROTATE, rotate_paths=['a["fn::toJSON"][1]'])
    assert [patch.path for patch in evaluation.patches] == ['values.a["fn::toJSON"][1]["fn::rotate::keys"].state']


def test_a_text_that_is_no_path_means_no_place() -> None:
    evaluation = evaluate(TEXT.replace('"${admin}"', "admin"), world(), mode=Mode.ROTATE, rotate_paths=["two["])
    assert evaluation.patches == ()


def test_rotators_of_imports_do_not_rotate() -> None:
    evaluation = evaluate("imports: [base]\nvalues: {x: 1}", world({"base": TEXT}), mode=Mode.ROTATE)
    assert evaluation.rotations == ()
    assert revealed(evaluation)["one"]["key"] == "old"


def test_a_check_evaluates_rotate_only_inputs_of_the_root_and_not_of_imports() -> None:
    text = "values: {one: {fn::rotate::keys: {inputs: {login: '${absent}', user: me}, state: {key: old}}}}"
    assert summaries(evaluate(text, world(), mode=Mode.CHECK)) == ['unknown property "absent"']
    assert evaluate("imports: [base]", world({"base": text}), mode=Mode.CHECK).ok
    assert evaluate(text, world(), mode=Mode.OPEN).ok


def test_a_failed_rotation_is_reported_and_leaves_no_patch() -> None:
    evaluation = evaluate(TEXT.replace('"${admin}"', "admin"), world(rotate=lambda _: Failed("no")), mode=Mode.ROTATE)
    assert summaries(evaluation) == ["rotate: no", "rotate: no"]
    assert evaluation.patches == ()
    assert {rotation.status for rotation in evaluation.rotations} == {RotationStatus.FAILED}


def test_a_state_that_is_no_json_is_a_failed_rotation() -> None:
    evaluation = evaluate(TEXT.replace('"${admin}"', "admin"), world(rotate=lambda _: Rotated(b"x")), mode=Mode.ROTATE)
    assert summaries(evaluation)[0] == "rotate: internal error: the result holds a bytes, which JSON has no place for"


def test_a_rotator_that_cannot_be_evaluated_says_so() -> None:
    text = """\
values:
  a: {fn::rotate::keys: {inputs: {login: "${gone}", user: me}}}
  b: {fn::rotate::keys: {inputs: {user: 5}}}
"""
    evaluation = evaluate(text, world(), mode=Mode.ROTATE)
    assert [rotation.status for rotation in evaluation.rotations] == [RotationStatus.NOT_EVALUATED] * 2
    assert not evaluation.ok


def test_the_state_must_fit_the_rotator() -> None:
    text = "values: {a: {fn::rotate::keys: {inputs: {login: x, user: me}, state: {key: 5}}}}"
    found = summaries(evaluate(text, world()))
    assert sorted(found) == [
        "exactly one subschema must match",
        "expected null, got object",
        "expected string, got number",
    ]


def test_an_unknown_rotator_is_reported() -> None:
    evaluation = evaluate("values: {a: {fn::rotate::gone: {inputs: {}}}}", world())
    assert summaries(evaluation) == ['unknown provider "gone"']


def test_a_rotator_without_a_name_is_unknown() -> None:
    environment, diagnostics = parse_text("root", "values: {a: {fn::rotate: {inputs: {}}}}")
    from esc_operator.evaluation import Evaluator

    assert len(diagnostics) == 1
    evaluation = drive(Evaluator(environment, name="root", mode=Mode.OPEN), world())
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"a": "[unknown]"}


def test_rotate_only_inputs_are_found_inside_lists() -> None:
    inputs = from_json({"type": "object", "properties": {"users": {"items": {"rotateOnly": ["login"]}}}})
    outside = World(rotators={"keys": (Described(inputs), opened, renewed)})
    text = "values: {a: {fn::rotate::keys: {inputs: {users: [{login: '${gone}', name: x}]}}}}"
    evaluation = evaluate(text, outside)
    assert revealed(evaluation)["a"]["inputs"] == {"users": [{"login": "[unknown]", "name": "x"}]}
