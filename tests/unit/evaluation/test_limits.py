"""Definitions that ask for too much are told so, soon, whatever they ask for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation import Batch, Evaluator, Loaded, LoadEnvironment, Mode
from esc_operator.evaluation.rendering import to_json
from esc_operator.lang import Limits, parse_object, parse_text
from unit.evaluation.drive import World, drive, evaluate, revealed, summaries


def limit_reasons(evaluation: Any) -> set[str]:
    return {found.reason for found in evaluation.diagnostics}


def test_a_string_that_doubles_in_every_line_is_cut_off() -> None:
    lines = ["  a0: " + "x" * 1000] + [f"  a{number + 1}: ${{a{number}}}${{a{number}}}" for number in range(60)]
    evaluation = evaluate("values:\n" + "\n".join(lines))
    assert limit_reasons(evaluation) == {"LimitExceeded"}
    assert len(evaluation.diagnostics) <= 2


def test_many_long_strings_are_cut_off_together() -> None:
    lines = ["  a: " + "x" * 1_000_000] + [f"  b{number}: x${{a}}" for number in range(100)]
    evaluation = evaluate("values:\n" + "\n".join(lines))
    (found,) = evaluation.diagnostics
    assert found.reason == "LimitExceeded"
    assert found.path.startswith("values.b")
    assert re.fullmatch(
        r"an interpolation takes 20833 units of work, and of the 1000000 for an environment with all that it imports "
        r"\d+ are left \(\d+ too many\): build less here, or split the environment",
        found.summary,
    )


def test_a_list_that_doubles_in_every_line_is_cut_off() -> None:
    lines = ["  a0: [x, x]"] + [f"  a{number + 1}: ['${{a{number}}}', '${{a{number}}}']" for number in range(60)]
    evaluation = evaluate("values:\n" + "\n".join(lines))
    by = "the value is larger than 4194304 bytes when everything in it is written out, by 131056: build less here"
    assert by in summaries(evaluation)
    assert limit_reasons(evaluation) == {"LimitExceeded"}
    assert len(evaluation.diagnostics) < 5
    assert evaluation.value is not None
    assert len(to_json(evaluation.value)) < 100_000_000


def test_a_value_that_grows_deeper_in_every_line_is_cut_off() -> None:
    lines = ["  a000: x"] + [f"  a{number + 1:03}: ['${{a{number:03}}}']" for number in range(300)]
    evaluation = evaluate("values:\n" + "\n".join(lines))
    assert set(summaries(evaluation)) == {"the value is nested more than 100 levels deep"}
    assert len(evaluation.diagnostics) < 5


def test_quotes_within_quotes_are_cut_off() -> None:
    expression = "'\"'"
    for _ in range(40):
        expression = f"{{fn::toString: [{expression}]}}"
    evaluation = evaluate(f"values: {{a: {expression}}}")
    assert limit_reasons(evaluation) == {"LimitExceeded"}


def test_a_chain_of_references_may_be_long() -> None:
    lines = [f"  a{number}: ${{a{number + 1}}}" for number in range(5000)] + ["  a5000: end"]
    assert revealed(evaluate("values:\n" + "\n".join(lines)))["a0"] == "end"


def test_a_cycle_may_be_long() -> None:
    lines = [f"  a{number:04}: ${{a{(number + 1) % 3000:04}}}" for number in range(3000)]
    assert summaries(evaluate("values:\n" + "\n".join(lines))) == ["cyclic reference to a0000"]


def test_thousands_of_imports_are_cut_off() -> None:
    world = World({f"e{number}": "values: {x: 1}" for number in range(3000)})
    evaluation = evaluate("imports: [" + ", ".join(world.environments) + "]", world)
    assert set(summaries(evaluation)) == {"more than 256 environments are imported"}
    assert len(world.asked_for(LoadEnvironment)) == 256


def test_a_chain_of_imports_is_cut_off() -> None:
    world = World({f"e{number}": f"imports: [e{number + 1}]\nvalues: {{x{number}: 1}}" for number in range(1000)})
    evaluation = evaluate("imports: [e0]", world)
    assert summaries(evaluation) == ["more than 256 environments are imported"]


def test_imports_may_be_as_many_as_the_limit_says() -> None:
    world = World({f"e{number}": f"values: {{x: {number}, y{number}: 1}}" for number in range(250)})
    found = revealed(evaluate("imports: [" + ", ".join(world.environments) + "]", world))
    assert found["x"] == 249
    assert len(found) == 251


def test_an_environment_of_many_imports_can_be_imported_over_another() -> None:
    world = World({f"e{number}": f"values: {{x: {{y: {number}}}, z{number}: 1}}" for number in range(200)})
    world.environments["hub"] = "imports: [" + ", ".join(list(world.environments)) + "]"
    world.environments["other"] = "values: {x: {w: 1}}"
    found = revealed(evaluate("imports: [other, hub]", world))
    assert found["x"] == {"w": 1, "y": 199}


def test_work_is_counted() -> None:
    text = "values: {a: [" + "'${b}'," * 500 + "], b: 1}"
    environment, _ = parse_text("root", text)
    evaluation = drive(Evaluator(environment, name="root", mode=Mode.OPEN, limits=Limits(work=100)), World())
    (summary,) = summaries(evaluation)
    assert summary == (
        "evaluating the definition takes 14 units of work, and of the 100 for an environment with all that it imports "
        "12 are left (2 too many): build less here, or split the environment"
    )
    assert evaluation.value is not None
    assert evaluation.value.is_unknown


def test_a_parsers_limits_hold_for_imports_too() -> None:
    world = World({"deep": "values: " + "[" * 200}, limits=Limits(depth=50))
    assert summaries(evaluate("imports: [deep]", world)) == ["the definition is nested more than 50 levels deep"]


@pytest.mark.parametrize("digits", [5000, 1_000_000])
def test_a_number_of_a_million_digits_is_a_text_like_any_other(digits: int) -> None:
    number = "1" * digits
    found = evaluate(f"values: {{a: {{fn::toJSON: {{fn::fromJSON: '[{number}]'}}}}, b: {number}}}")
    assert revealed(found) == {"a": f"[{number}]", "b": number}


def test_deep_json_is_refused() -> None:
    evaluation = evaluate("values: {a: {fn::fromJSON: '" + "[" * 100_000 + "'}}")
    assert summaries(evaluation) == ["decoding JSON string: exceeded max depth"]


def test_a_schema_that_never_ends_is_given_up() -> None:
    text = "values: {a: {fn::validate: {schema: {$ref: '#/$$defs/x', $$defs: {x: {$ref: '#/$$defs/x'}}}, value: 1}}}"
    assert summaries(evaluate(text)) == ["the schema is too complex to be checked"]


KEYS = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "imports",
        "fn::open::echo",
        "fn::join",
        "fn::toJSON",
        "fn::secret",
        "fn::final",
        "fn::fromJSON",
        "fn::split",
        "fn::validate",
        "schema",
        "value",
        "fn::rotate::keys",
        "inputs",
        "state",
        "fn::concat",
    ]
)
TEXTS = st.sampled_from(
    [
        "${a}",
        "${b.a}",
        "${c[0]}",
        "x ${a} ${c}",
        "${imports.i}",
        "${environments.p.e.a}",
        "${context}",
        "word",
        "${",
        "{}",
        "aGk=",
        "${a.b.c}",
        "${imports}",
        "",
    ]
)
DEFINITIONS = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=15,
)


@given(DEFINITIONS, DEFINITIONS, DEFINITIONS, st.sampled_from(list(Mode)))
def test_evaluating_never_raises_and_always_ends(root: Any, first: Any, second: Any, mode: Mode) -> None:
    texts = {
        "i": {"values": {"a": first}},
        "p/e": {"values": first, "imports": ["i", "root"]},
        "b": {"values": {"b": second}},
    }
    environment, _ = parse_object(
        "root", {"imports": ["i", "b", {"p/e": {"merge": False}}], "values": {"a": root, "c": [second]}}
    )
    runs = []
    for choose in (lambda effects: effects, lambda effects: effects[-1:]):
        world = _Objects(texts)
        evaluation = drive(Evaluator(environment, name="root", mode=mode), world, choose)
        assert evaluation.value is not None
        runs.append((to_json(evaluation.value, redact=False), evaluation.diagnostics))
        if mode == Mode.CHECK:
            assert not [
                effect for effect in world.asked if "Open" in type(effect).__name__ or "Rotate" in type(effect).__name__
            ]
    assert runs[0] == runs[1]


class _Objects(World):
    def __init__(self, definitions: dict[str, Any]) -> None:
        super().__init__()
        self._definitions = definitions

    def _load(self, name: str) -> Any:
        return Loaded(*parse_object(name, self._definitions[name]))


def test_the_root_may_be_broken_and_is_evaluated_as_far_as_it_goes() -> None:
    environment, diagnostics = parse_text("root", "values: {a: {fn::join: x}, b: '${c', c: 1, d: '${c}'}\nimports: 5")
    assert len(diagnostics) == 3
    result = Evaluator(environment, name="root", mode=Mode.OPEN).step()
    assert not isinstance(result, Batch)
    assert result.value is not None
    assert result.value.reveal() == {"a": "[unknown]", "b": 1, "c": 1, "d": 1}


def test_no_environment_evaluates_to_nothing() -> None:
    result = Evaluator(None, name="root", mode=Mode.OPEN).step()
    assert not isinstance(result, Batch)
    assert result.value is None
    assert result.ok


def test_many_misspelt_names_among_many_are_soon_told() -> None:
    lines = [f"  key{number}: ${{key{number // 2}x}}" for number in range(2000)]
    evaluation = evaluate("values:\n" + "\n".join(lines))
    assert len(evaluation.diagnostics) == 2000
    assert "did you mean" in summaries(evaluation)[0]
    assert "did you mean" not in summaries(evaluation)[-1]


def test_diamonds_on_diamonds_of_imports_do_not_double_anything() -> None:
    world = World(
        {
            f"e{number}": f"imports: [e{number + 1}, e{number + 2}]\nvalues: {{s: {{a{number}: 1}}, x: {number}}}"
            for number in range(200)
        }
    )
    world.environments |= {"e200": "", "e201": ""}
    evaluation = evaluate("imports: [e0]", world)
    assert len(revealed(evaluation)["s"]) == 200
    assert evaluation.value is not None
    found = evaluation.value.lookup(("x",))
    assert found is not None
    assert len(found.bases) < 500


def test_a_long_line_of_wide_characters_is_measured_once() -> None:
    keys = ", ".join(f'世{number}: "${{gone{number}}} ${{x"' for number in range(2000))
    environment, diagnostics = parse_text("root", f"values: {{{keys}}}")
    result = Evaluator(environment, name="root", mode=Mode.OPEN).step()
    assert not isinstance(result, Batch)
    assert len(diagnostics) == 2000
    assert len(result.diagnostics) == 4000
