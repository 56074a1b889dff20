"""References lead to values, known and unknown, or say where they got lost."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.evaluation import Described, Mode, OpenProvider
from esc_operator.schema.compile import from_json
from unit.evaluation.drive import World, echo, evaluate, revealed, summaries

VALUES = """\
values:
  text: word
  list: [1, {deep: [a]}]
  object: {value: 1, "a b": 2, nested: {x: 1}}
  opened: {fn::open::echo: {list: [1], word: x}}
  result: RESULT
"""


def outcome(reference: str, mode: Mode = Mode.OPEN, world: World | None = None) -> Any:
    evaluation = evaluate(VALUES.replace("RESULT", reference), world, mode=mode)
    return summaries(evaluation) if evaluation.diagnostics else revealed(evaluation)["result"]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("${text}", "word"),
        ("${list[1].deep[0]}", "a"),
        ('${object["a b"]}', 2),
        ("${object.nested}", {"x": 1}),
        ("${.text}", "word"),
        ('${["text"]}', "word"),
        ("${opened.list[0]}", 1),
        ("x ${opened.word} ${list[0]}", "x x 1"),
        ("${context.currentEnvironment.name}", "root"),
        ("${imports}", {}),
    ],
)
def test_a_reference_is_its_target(reference: str, expected: Any) -> None:
    assert outcome(reference) == expected


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("${gone}", 'unknown property "gone"'),
        ("${text.x}", "receiver must be an array or an object"),
        ("${list.x}", "cannot access an array element using a property name"),
        ("${list[9]}", "array index 9 out-of-bounds for array of length 2"),
        ("${list[-1]}", "array indices must not be negative"),
        ("${object[0]}", "cannot access an object property using an integer index"),
        ("${object.valeu}", 'unknown property "valeu"; did you mean "value"?'),
        ("${opened.list.x}", "cannot access an array element using a property name"),
        ("${opened.list[1]}", "array index 1 out-of-bounds for array of length 1"),
        ("${opened[0]}", "cannot access an object property using an integer index"),
        ("${opened.wordd}", 'unknown property "wordd"; did you mean "word"?'),
        ("${opened.word.x}", "receiver must be an array or an object"),
        ("${context.gone}", 'unknown property "gone"'),
        ("${imports.gone}", 'unknown property "gone"'),
        ("${imports[0]}", "cannot access an object property using an integer index"),
        ("${environments[0].a.b}", "cannot access an object property using an integer index"),
        ("${environments.a[0].b}", "cannot access an object property using an integer index"),
        ("${environments.a.b.c}", "no environment a/b"),
    ],
)
def test_a_reference_that_gets_lost_says_where(reference: str, problem: str) -> None:
    assert outcome(reference) == [problem]


@pytest.mark.parametrize("reference", ["${environments}", "${environments.a}"])
def test_half_a_name_of_an_environment_is_unknown(reference: str) -> None:
    assert outcome(reference) == "[unknown]"


OUTPUTS = from_json(
    {
        "type": "object",
        "properties": {
            "word": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string"}},
            "pair": {"type": "array", "prefixItems": [True, True], "items": False},
            "any": True,
        },
    }
)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("${opened.word}", "[unknown]"),
        ("${opened.list[7]}", "[unknown]"),
        ("${opened.pair[1].x}", "[unknown]"),
        ("${opened.any.x[0]}", "[unknown]"),
        ("${opened.gone.x}", "[unknown]"),
        ("${opened[0]}", ["cannot access an object property using an integer index"]),
        ("${opened.list.x}", ["cannot access an array element using a property name"]),
        ("${opened.list[-1]}", ["array indices must not be negative"]),
        ("${opened.pair[2]}", ["array index 2 out-of-bounds for array of length 2"]),
        ("${opened.word.x}", ["receiver must be an array or an object"]),
        ("${opened.word[0]}", ["receiver must be an array or an object"]),
    ],
)
def test_what_is_known_of_an_unknown_is_held_to(reference: str, expected: Any) -> None:
    world = World(providers={"echo": (Described(outputs=OUTPUTS), echo)})
    assert outcome(reference, Mode.CHECK, world) == expected
    assert world.asked_for(OpenProvider) == []


def test_an_access_falls_through_to_what_was_imported() -> None:
    world = World({"base": "values: {object: {inherited: {a: 1}}, text: {a: 1}, list: [0]}"})
    text = "imports: [base]\n" + VALUES.replace("RESULT", "['${object.inherited.a}', '${object.nested.x}']")
    assert revealed(evaluate(text, world))["result"] == [1, 1]
    text = "imports: [base]\n" + VALUES.replace("RESULT", "['${object.gone}', '${text.a}', '${goen}']")
    assert summaries(evaluate(text, world)) == [
        'unknown property "gone"',
        "receiver must be an array or an object",
        'unknown property "goen"',
    ]


def test_an_object_over_a_scalar_hides_what_is_below_it() -> None:
    world = World({"one": "values: {a: {x: 1}}", "two": "values: {a: 5}"})
    assert summaries(evaluate("imports: [one, two]\nvalues: {a: {y: 1}, b: '${a.x}'}", world)) == [
        'unknown property "x"'
    ]


def test_the_schema_of_an_unknown_over_an_object_knows_both() -> None:
    world = World({"base": "values: {a: {n: 1}}"}, {"echo": (Described(outputs=OUTPUTS), echo)})
    text = """\
imports: [base]
values:
  a: {fn::open::echo: {}}
  b: {fn::toBase64: "${a.n}"}
  c: {fn::toBase64: "${a.word}"}
"""
    assert summaries(evaluate(text, world, mode=Mode.CHECK)) == ["expected string, got number"]


def test_a_reference_to_an_object_over_an_unknown_may_find_more_there() -> None:
    world = World({"base": "values: {a: {fn::open::echo: {}}, t: {fn::toString: '${a}'}}"})
    text = "imports: [base]\nvalues: {a: {x: 1}, t: {y: 1}, r: '${a}', s: '${t}', p: '${r.gone}', q: '${r.x}'}"
    assert evaluate(text, world, mode=Mode.CHECK).ok
    text = text.replace("${r.gone}", "${s.gone}")
    assert summaries(evaluate(text, world, mode=Mode.CHECK)) == ['unknown property "gone"']


def test_reserved_and_repeated_keys_are_reported_once() -> None:
    world = World({"base": "values: {x: {fn::open::echo: {}}}"})
    evaluation = evaluate("imports: [base]\nvalues: {imports: 1, a: {b: 1, b: 2}, a: 3, c: '${x}'}", world)
    assert summaries(evaluation) == ['"imports" is a reserved key', 'duplicate key "b"', 'duplicate key "a"']
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"a": {"b": 1}, "c": {}, "x": {}}
