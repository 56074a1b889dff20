"""The evaluator asks for all it needs at once, takes answers in any order, and always comes to the same end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation import (
    Batch,
    Decrypt,
    Evaluator,
    Failed,
    FindProvider,
    Lease,
    Loaded,
    LoadEnvironment,
    Mode,
    Opened,
    OpenProvider,
)
from esc_operator.evaluation.rendering import to_json
from esc_operator.lang import parse_text
from unit.evaluation.drive import World, drive, evaluate, first_first, last_first, revealed, sealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.evaluation import Effect


def evaluator(text: str, **options: Any) -> Evaluator:
    environment, diagnostics = parse_text("root", text)
    assert not diagnostics
    return Evaluator(environment, name="root", mode=options.pop("mode", Mode.OPEN), **options)


def batches(text: str, world: World) -> list[list[str]]:
    """The kinds of effects of each batch."""
    running, found = evaluator(text), []
    result = running.step()
    while isinstance(result, Batch):
        found.append(sorted(type(effect).__name__ for effect in result.effects))
        result = running.step({effect.id: world.answer(effect) for effect in result.effects})
    return found


def test_independent_imports_load_together_and_so_do_their_imports() -> None:
    world = World({"a": "imports: [c]", "b": "imports: [d]", "c": "values: {x: 1}", "d": "values: {y: 1}"})
    assert batches("imports: [a, b]", world) == [["LoadEnvironment"] * 2] * 2


def test_independent_opens_open_together() -> None:
    text = "values: {a: {fn::open::echo: {x: 1}}, b: {c: [{fn::open::echo: {x: 2}}]}}"
    assert batches(text, World()) == [["FindProvider"], ["OpenProvider"] * 2]


def test_opens_of_an_import_and_its_importer_open_together() -> None:
    text = "imports: [a]\nvalues: {b: {fn::open::echo: {x: 2}}}"
    world = World(
        {"a": f"values: {{a: {{fn::open::echo: {{x: 1}}}}, s: {{fn::secret: {{ciphertext: {sealed('word')}}}}}}}"}
    )
    assert batches(text, world) == [["LoadEnvironment"], ["Decrypt", "FindProvider"], ["OpenProvider"] * 2]


def test_what_depends_on_an_open_waits_and_the_rest_goes_on() -> None:
    text = "values: {a: {fn::open::echo: {x: 1}}, b: {fn::open::echo: {y: '${a.x}'}}, c: {fn::open::echo: {z: 3}}}"
    assert batches(text, World()) == [["FindProvider"], ["OpenProvider"] * 2, ["OpenProvider"]]


def test_a_slow_import_does_not_keep_another_from_opening() -> None:
    world = World({"quick": "values: {a: {fn::open::echo: {x: 1}}}", "slow": "values: {b: 1}"})
    running = evaluator("imports: [slow, quick]")
    result = running.step()
    asked: list[str] = []
    for _ in range(3):
        assert isinstance(result, Batch)
        ready = [effect for effect in result.effects if getattr(effect, "name", "") != "slow"]
        asked += [type(effect).__name__ for effect in ready]
        result = running.step({effect.id: world.answer(effect) for effect in ready})
    assert asked == ["LoadEnvironment", "FindProvider", "OpenProvider"]
    assert isinstance(result, Batch)
    (left,) = result.effects
    finished = running.step({left.id: world.answer(left)})
    assert not isinstance(finished, Batch)
    assert revealed(finished) == {"a": {"x": 1}, "b": 1}


def test_effects_still_unanswered_are_asked_again() -> None:
    running = evaluator("values: {a: {fn::open::echo: {}}, b: {fn::open::other: {}}}")
    first = running.step()
    assert isinstance(first, Batch)
    again = running.step({99: Failed("nobody asked")})
    assert again == first


def test_a_finished_evaluation_stays_what_it_is() -> None:
    running = evaluator("values: {a: 1}")
    assert running.step() is running.step({1: Failed("late")})


def test_an_answer_of_the_wrong_kind_is_a_drivers_bug() -> None:
    running = evaluator("values: {a: {fn::open::echo: {}}}")
    result = running.step()
    assert isinstance(result, Batch)
    with pytest.raises(TypeError, match=r"FindProvider.* was answered with a Opened"):
        running.step({result.effects[0].id: Opened({})})


def test_a_failing_open_is_reported_once_and_only_its_dependants_suffer() -> None:
    from esc_operator.evaluation import Described

    world = World(providers={"closed": (Described(), lambda _: Failed("closed"))})
    text = """\
values:
  a: {fn::open::closed: {}}
  b: ${a.x}
  c: ["${b}", "x ${a}"]
  d: fine
  e: {fn::open::echo: {f: "${a}"}}
"""
    evaluation = evaluate(text, world)
    assert [found.path for found in evaluation.diagnostics] == ["values.a"]
    assert evaluation.value is not None
    unknown = "[unknown]"
    assert evaluation.value.reveal() == {"a": unknown, "b": unknown, "c": [unknown, unknown], "d": "fine", "e": unknown}
    assert not evaluation.ok


def test_leases_are_recorded_where_they_were_given() -> None:
    from datetime import UTC, datetime

    from esc_operator.evaluation import Described

    lease = Lease(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC))
    world = World(
        {"base": "values: {a: {fn::open::leased: {}}}"}, {"leased": (Described(), lambda _: Opened({}, lease))}
    )
    evaluation = evaluate("imports: [base]\nvalues: {b: {fn::open::echo: {}}}", world)
    assert [(record.environment, record.path, record.provider, record.lease) for record in evaluation.opens] == [
        ("base", "values.a", "leased", lease),
        ("root", "values.b", "echo", None),
    ]


TANGLED = {
    "x": "imports: [c]\nvalues: {x: {fn::open::echo: {v: 1}}}",
    "b": "imports: [c]\nvalues: {b: '${c}', deep: {b: 1}}",
    "c": "imports: [b]\nvalues: {c: {fn::open::echo: {v: '${gone}'}}, deep: {c: 1}}",
    "p/q": "imports: [root, x]\nvalues: {r: {fn::open::gone: {}}, s: '${t}', t: '${s}'}",
}
TANGLE = """\
imports: [x, b, missing, c: {merge: false}]
values:
  a: ${environments.p.q.s}
  b: {fn::open::echo: {u: "${a}"}}
  deep: {a: "${deep.b}", z: "${e}"}
  d: x ${e} ${x.v}
  e: ${d}
  f: {fn::open::gone: "${d}"}
  g: {fn::final: {fn::open::echo: {h: "${x}"}}}
  i: "${environments.p.q.r}"
"""


def orders() -> list[Any]:
    def every_other(effects: Sequence[Effect]) -> Sequence[Effect]:
        return effects[::2]

    def loads_last(effects: Sequence[Effect]) -> Sequence[Effect]:
        return [effect for effect in effects if not isinstance(effect, LoadEnvironment)] or effects[-1:]

    return [first_first, last_first, every_other, loads_last]


@pytest.mark.parametrize("order", orders())
@pytest.mark.parametrize("mode", [Mode.CHECK, Mode.OPEN])
def test_the_order_of_answers_makes_no_difference(order: Any, mode: Mode) -> None:
    at_once = drive(evaluator(TANGLE, mode=mode), World(TANGLED))
    in_order = drive(evaluator(TANGLE, mode=mode), World(TANGLED), order)
    assert at_once.value is not None
    assert in_order.value is not None
    assert to_json(in_order.value, redact=False) == to_json(at_once.value, redact=False)
    assert in_order.diagnostics == at_once.diagnostics
    assert in_order.imports == at_once.imports
    assert in_order.opens == at_once.opens


@given(st.data())
def test_any_order_of_answers_comes_to_the_same_end(data: st.DataObject) -> None:
    def some(effects: Sequence[Effect]) -> Sequence[Effect]:
        return data.draw(
            st.lists(st.sampled_from(list(effects)), min_size=1, max_size=3, unique_by=lambda effect: effect.id)
        )

    at_once, found = drive(evaluator(TANGLE), World(TANGLED)), drive(evaluator(TANGLE), World(TANGLED), some)
    assert found.diagnostics == at_once.diagnostics
    assert found.value is not None
    assert at_once.value is not None
    assert to_json(found.value) == to_json(at_once.value)


def test_effects_know_where_they_come_from() -> None:
    world = World(
        {"base": f"values: {{a: {{fn::open::echo: {{}}}}, b: {{fn::secret: {{ciphertext: {sealed('word')}}}}}}}"}
    )
    evaluate("imports: [base]", world)
    (load,) = world.asked_for(LoadEnvironment)
    assert (load.name, load.importer, load.identity) == ("base", "root", "base")
    (found,) = world.asked_for(FindProvider)
    assert found.name == "echo"
    (opened,) = world.asked_for(OpenProvider)
    assert (opened.environment, opened.root_environment, opened.path, opened.inputs) == ("base", "root", "values.a", {})
    (decrypt,) = world.asked_for(Decrypt)
    assert decrypt.environment == "base"
    assert len({effect.id for effect in world.asked}) == len(world.asked)


def test_a_parsed_environment_serves_any_number_of_evaluations() -> None:
    parsed = Loaded(*parse_text("base", "values: {a: {b: '${c}'}, c: 1}"))
    environment, _ = parse_text("root", "imports: [base]\nvalues: {a: {d: 2}}")
    for _ in range(3):
        running = Evaluator(environment, name="root", mode=Mode.OPEN)
        result = running.step()
        assert isinstance(result, Batch)
        finished = running.step({result.effects[0].id: parsed})
        assert not isinstance(finished, Batch)
        assert revealed(finished) == {"a": {"b": 1, "d": 2}, "c": 1}
