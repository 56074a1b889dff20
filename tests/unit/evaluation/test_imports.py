"""Imports are loaded once, evaluated in a scope of their own, and merged in order."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.evaluation import Evaluator, Loaded, LoadEnvironment, Mode, OpenProvider
from esc_operator.lang import parse_text
from unit.evaluation.drive import (
    World,
    all_at_once,
    drive,
    evaluate,
    first_first,
    last_first,
    revealed,
    summaries,
)


def result(text: str, **environments: str) -> Any:
    return revealed(evaluate(text, World(environments)))


def test_later_imports_win_and_own_values_win_over_all() -> None:
    found = result(
        "imports: [a, b]\nvalues: {z: root, n: {z: root}}",
        a="values: {x: a, y: a, z: a, n: {x: a, y: a, z: a}}",
        b="values: {y: b, z: b, n: {y: b, z: b}}",
    )
    assert found == {"x": "a", "y": "b", "z": "root", "n": {"x": "a", "y": "b", "z": "root"}}


def test_what_is_not_merged_can_still_be_referred_to() -> None:
    found = result(
        """\
imports: [a: {merge: false}, p/b]
values:
  x: ${imports.a.x}
  y: ${imports["p/b"].y}
  all: ${imports}
""",
        **{"a": "values: {x: 1}", "p/b": "values: {y: 2, x: 3}"},
    )
    assert found == {"x": 1, "y": 2, "all": {"a": {"x": 1}, "p/b": {"y": 2, "x": 3}}}


def test_imports_are_bound_to_their_own_values() -> None:
    found = result("imports: [a]\nvalues: {name: mine}", a='values: {name: theirs, greeting: "hello ${name}"}')
    assert found == {"name": "mine", "greeting": "hello theirs"}


def test_an_environment_is_loaded_once_whoever_asks_for_it() -> None:
    world = World({"a": "imports: [c]", "b": "imports: [c]", "c": "values: {x: {fn::open::echo: {y: 1}}}"})
    evaluation = evaluate('imports: [a, b, c]\nvalues: {z: "${environments.p.q.v}", w: "${environments.p.q.v}"}', world)
    world.environments["p/q"] = "imports: [c]\nvalues: {v: 5}"
    evaluation = evaluate('imports: [a, b, c]\nvalues: {z: "${environments.p.q.v}", w: "${environments.p.q.v}"}', world)
    assert revealed(evaluation) == {"x": {"y": 1}, "z": 5, "w": 5}
    assert evaluation.imports == ("a", "b", "c", "p/q")
    loads = [effect.name for effect in world.asked_for(LoadEnvironment)][-4:]
    assert sorted(loads) == ["a", "b", "c", "p/q"]
    assert len(world.asked_for(OpenProvider)) == 2  # one an evaluation


def test_names_can_depend_on_who_imports() -> None:
    world = World({"team/a": "imports: [b]", "team/b": "values: {x: theirs}", "b": "values: {x: mine}"})

    class Qualified(World):
        def answer(self, effect: Any) -> Any:
            if isinstance(effect, LoadEnvironment):
                self.asked.append(effect)
                return self._load(effect.identity)
            return super().answer(effect)

    qualified = Qualified(world.environments)
    evaluation = evaluate(
        "imports: [team/a, b: {merge: false}]\nvalues: {y: '${imports.b.x}'}",
        qualified,
        name="b0",
        qualify=lambda name, importer: f"{importer.split('/')[0]}/{name}" if importer.startswith("team/") else name,
    )
    assert revealed(evaluation) == {"x": "theirs", "y": "mine"}
    asked = {(effect.name, effect.importer, effect.identity) for effect in qualified.asked_for(LoadEnvironment)}
    assert ("b", "team/a", "team/b") in asked
    assert ("b", "b0", "b") in asked


@pytest.mark.parametrize(("root", "seen"), [("apps/web", "apps/web"), ("<yaml>", "base"), ("", "base")])
def test_the_root_as_an_import_sees_it_is_the_one_that_was_asked_for(root: str, seen: str) -> None:
    base = 'values: {current: "${context.currentEnvironment.name}", root: "${context.rootEnvironment.name}"}'
    found = revealed(
        evaluate(
            "imports: [base]\nvalues: {c: '${context.x.y}'}", World({"base": base}), name=root, context={"x": {"y": 1}}
        )
    )
    assert found == {"current": "base", "root": seen, "c": 1}


def test_context_keys_of_the_evaluator_are_not_the_hosts() -> None:
    with pytest.raises(ValueError, match='reserved context key: "currentEnvironment"'):
        evaluate("values: {a: b}", context={"currentEnvironment": {}})


def test_an_import_without_values_is_an_empty_object() -> None:
    assert result("imports: [a]\nvalues: {x: '${imports.a}'}", a="") == {"x": {}}
    assert result("imports: [a]", a="imports: [b]", b="") == {}


def test_nothing_to_evaluate_is_no_value_and_asks_for_nothing() -> None:
    for text in ("", "values: {}", "description: x", "imports: []"):
        assert evaluate(text).value is None


def test_an_import_that_is_not_there_is_left_out() -> None:
    evaluation = evaluate("imports: [gone, a]\nvalues: {y: '${x}'}", World({"a": "values: {x: 1}"}))
    assert [(found.summary, found.reason) for found in evaluation.diagnostics] == [("no environment gone", "NotFound")]
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"x": 1, "y": 1}


def test_a_check_loads_imports_too() -> None:
    evaluation = evaluate("imports: [a]\nvalues: {y: '${x}'}", World({"a": "values: {x: 1}"}), mode=Mode.CHECK)
    assert revealed(evaluation) == {"x": 1, "y": 1}


def test_an_inline_reference_is_not_merged() -> None:
    found = result(
        'values: {a: "${environments.p.e}", b: "${environments.p.e.x[1]}"}', **{"p/e": "values: {x: [1, 2]}"}
    )
    assert found == {"a": {"x": [1, 2]}, "b": 2}


def test_an_inline_reference_to_the_environment_itself_is_a_cycle() -> None:
    evaluation = evaluate('values: {a: "${environments.p.e.b}", b: 1}', name="p/e")
    assert summaries(evaluation) == ["cyclic import of p/e"]


class Renamed(World):
    """A world in which names lead to environments of other names."""

    def __init__(self, environments: dict[str, str], leads_to: dict[str, str]) -> None:
        super().__init__(environments)
        self.leads_to = leads_to

    def answer(self, effect: Any) -> Any:
        answer = super().answer(effect)
        if isinstance(answer, Loaded) and isinstance(effect, LoadEnvironment):
            return answer._replace(name=self.leads_to.get(effect.identity, effect.identity))
        return answer


@pytest.mark.parametrize("choose", [all_at_once, first_first, last_first])
def test_an_environment_that_two_names_lead_to_is_evaluated_once_and_in_its_own_place(choose: Any) -> None:
    shared = 'imports: [deep]\nvalues: {x: {fn::open::echo: {y: 1}}, me: "${context.currentEnvironment.name}"}'
    world = Renamed(
        {"apps/base": shared, "shared/base": shared, "shared/deep": "values: {d: 1}"}, {"apps/base": "shared/base"}
    )
    environment, _ = parse_text("apps/web", "imports: [base, shared/base]")
    evaluator = Evaluator(
        environment,
        name="apps/web",
        mode=Mode.OPEN,
        qualify=lambda name, importer: name if "/" in name else f"{importer.split('/')[0]}/{name}",
    )
    world.environments["base"], world.environments["deep"] = shared, "values: {d: 1}"
    evaluation = drive(evaluator, world, choose)
    assert revealed(evaluation) == {"d": 1, "x": {"y": 1}, "me": "shared/base"}
    assert evaluation.imports == ("shared/base", "shared/deep")
    assert len(world.asked_for(OpenProvider)) == 1
    assert ("deep", "shared/base") in {(effect.name, effect.importer) for effect in world.asked_for(LoadEnvironment)}


@pytest.mark.parametrize("choose", [all_at_once, first_first, last_first])
def test_a_name_that_leads_back_to_who_imports_it_is_a_cycle(choose: Any) -> None:
    environment, _ = parse_text("shared/base", "imports: [other]\nvalues: {x: 1}")
    world = Renamed({"other": ""}, {"other": "shared/base"})
    evaluation = drive(Evaluator(environment, name="shared/base", mode=Mode.OPEN), world, choose)
    assert summaries(evaluation) == ["cyclic import of other"]
