"""Work is charged before it is done, once, and as much of it as is done: whatever builds, looks at or reads much."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import worst
from esc_operator.evaluation import Batch, Evaluation, Evaluator, Loaded, Mode
from esc_operator.evaluation.builtins import CLAUSES
from esc_operator.evaluation.rendering import to_json
from esc_operator.lang import parse_object
from esc_operator.lang.budget import Budget, OverBudgetError, SliceOverError
from esc_operator.lang.limits import DEFAULT_LIMITS, Limits
from unit.evaluation.drive import World, all_at_once, drive, first_first, last_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from esc_operator.evaluation import Effect


class Objects(World):
    """Definitions that are data, read at the cost of one budget."""

    def __init__(self, definitions: dict[str, Any], budget: Budget) -> None:
        super().__init__()
        self._definitions = definitions
        self._budget = budget
        self._parsed: dict[str, Loaded] = {}

    def _load(self, name: str) -> Any:
        if name not in self._parsed:
            self._parsed[name] = Loaded(*parse_object(name, self._definitions[name], budget=self._budget))
        return self._parsed[name]


def spent_on(
    definition: Any,
    imports: dict[str, Any] | None = None,
    choose: Callable[[Sequence[Effect]], Sequence[Effect]] = all_at_once,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Evaluation, Budget]:
    budget = Budget(limits)
    environment, _ = parse_object("root", definition, budget=budget)
    evaluator = Evaluator(environment, name="root", mode=Mode.OPEN, budget=budget)
    return drive(evaluator, Objects(imports or {}, budget), choose), budget


def test_there_is_a_bomb_for_every_builtin() -> None:
    written = Path(worst.__file__).read_text(encoding="utf-8")
    assert set(CLAUSES) <= set(re.findall(r'"(fn::\w+)', written))


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\<,'), max_size=40)
SIZES = st.integers(1, 12)


@st.composite
def compositions(draw: st.DrawFn) -> dict[str, Any]:
    """Calls upon calls, of which each may take what an earlier one has made."""
    values: dict[str, Any] = {
        "t0": draw(TEXTS) * draw(st.integers(1, 200)),
        "l0": {"fn::split": ["", draw(TEXTS) * 20]},
        "l1": [["a"], ["b"] * draw(SIZES)],
    }
    for number in range(2, draw(st.integers(3, 14))):
        texts, lists = ([name for name in values if name[0] == kind] for kind in "tl")
        text, other = (f"${{{draw(st.sampled_from(texts))}}}" for _ in range(2))
        items = f"${{{draw(st.sampled_from(lists))}}}"
        kind, made = draw(
            st.sampled_from(
                [
                    ("t", (text + other) * draw(SIZES)),
                    ("t", {"fn::toJSON": [items, text] * draw(SIZES)}),
                    ("t", {"fn::toString": [items, text]}),
                    ("t", {"fn::toBase64": text}),
                    ("t", {"fn::join": [text, {"fn::split": [other, text]}]}),
                    ("t", {"fn::fromBase64": {"fn::toBase64": text}}),
                    ("l", {"fn::split": ["", text]}),
                    ("l", {"fn::concat": [items] * draw(SIZES)}),
                    ("l", {"fn::fromJSON": {"fn::toJSON": items}}),
                    ("l", {"fn::validate": {"schema": {"items": {"enum": ["a", "b"]}}, "value": items}}),
                    ("l", {"fn::final": items}),
                    ("l", [items] * draw(SIZES)),
                ]
            )
        )
        values[f"{kind}{number}"] = made
    return {"values": values}


def _calls_made(work: Callable[[], Any]) -> tuple[Any, int]:
    """What the work returns, and how many calls of Python functions it took: a measure that no clock makes."""
    made = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return work(), made
    finally:
        sys.setprofile(before)


@settings(max_examples=15, deadline=None)
@given(compositions())
def test_what_is_charged_is_no_less_than_what_is_done(definition: Any) -> None:
    (evaluation, budget), made = _calls_made(lambda: spent_on(definition))
    assert evaluation.value is not None
    assert budget.spent >= made / 12


@settings(max_examples=15, deadline=None)
@given(compositions(), compositions(), st.sampled_from([500, 2_000, 8_000, 1_000_000]))
def test_any_order_of_answers_costs_the_same(first: Any, second: Any, work: int) -> None:
    imports = {"a": first, "b": {"imports": ["a"], **second}, "p/c": {"imports": ["b"], "values": {"x": "${l1}"}}}
    definition = {"imports": ["a", "p/c", "b"], "values": {"y": "${environments.p.c.x}", "z": {"fn::toJSON": "${l1}"}}}
    found = [
        spent_on(definition, imports, choose, Limits(work=work)) for choose in (all_at_once, last_first, first_first)
    ]
    assert len({budget.is_over for _, budget in found}) == 1
    if not found[0][1].is_over:
        assert len({budget.spent for _, budget in found}) == 1
        assert len({evaluation.diagnostics for evaluation, _ in found}) == 1
    for evaluation, budget in found:
        if budget.is_over:
            assert "LimitExceeded" in {diagnostic.reason for diagnostic in evaluation.diagnostics}


def _in_slices(evaluator: Evaluator, budget: Budget, world: World) -> Iterator[Any]:
    """The steps of an evaluation of which each slice is twice as long as the last that was too short."""
    answers: dict[int, Any] = {}
    length = 200
    while True:
        budget.begin_slice(length)
        try:
            result = evaluator.step(answers)
        except SliceOverError:
            length *= 2
            continue
        finally:
            budget.begin_slice()
        yield result
        if not isinstance(result, Batch):
            return
        answers = {effect.id: world.answer(effect) for effect in result.effects}


@settings(max_examples=15, deadline=None)
@given(compositions(), compositions())
def test_slices_change_neither_what_comes_of_it_nor_what_it_costs(first: Any, second: Any) -> None:
    imports = {"a": first}
    definition = {"imports": ["a"], **second}
    whole, paid = spent_on(definition, imports)
    budget = Budget()
    environment, _ = parse_object("root", definition, budget=budget)
    evaluator = Evaluator(environment, name="root", mode=Mode.OPEN, budget=budget)
    *_, evaluation = _in_slices(evaluator, budget, Objects(imports, budget))
    assert evaluation.diagnostics == whole.diagnostics
    assert to_json(evaluation.value, redact=False) == to_json(whole.value, redact=False)  # type: ignore[arg-type]
    assert budget.spent == paid.spent


def _refused(definition: Any, imports: dict[str, Any] | None = None) -> tuple[str, str]:
    """Where it is refused, and in which words."""
    evaluation, budget = spent_on(definition, imports)
    (found,) = (diagnostic for diagnostic in evaluation.diagnostics if diagnostic.reason == "LimitExceeded")
    assert budget.is_over
    assert evaluation.value is not None
    assert evaluation.value.is_unknown
    return f"{found.environment}:{found.path}", found.summary


def test_the_refusal_says_where_by_how_much_and_what_to_do() -> None:
    definition = {"values": {"list": ["x"] * 10_000, "json": [{"fn::toJSON": "${list}"}] * 20}}
    where, summary = _refused(definition)
    assert where == ":values.json[10]"
    told = re.fullmatch(
        r"fn::toJSON takes (\d+) units of work, and of the 1000000 for an environment with all that it imports "
        r"(\d+) are left \((\d+) too many\): build less here, or split the environment",
        summary,
    )
    assert told is not None
    takes, left, over = map(int, told.groups())
    assert takes - left == over > 0
    assert 6 * 10_001 <= takes < 7 * 10_001


def test_a_refusal_in_an_import_names_the_import() -> None:
    imported = {"values": {"list": ["x"] * 10_000, "json": [{"fn::toJSON": "${list}"}] * 20}}
    where, summary = _refused({"imports": ["a"]}, {"a": imported})
    assert where == "a:values.json[10]"
    assert summary.startswith("fn::toJSON takes ")


def test_imports_that_are_too_many_values_together_are_refused_where_they_are_imported() -> None:
    imported = {"values": {f"k{number}": number for number in range(15_000)}}
    where, summary = _refused({"imports": ["a", "b", "c", "d", "e"]}, dict.fromkeys("abcde", imported))
    assert where.startswith(":imports[")
    assert summary.startswith("reading the definition takes 20 units of work")


def test_what_is_done_again_after_each_answer_has_a_bound_too() -> None:
    budget = Budget(Limits(work=100))
    budget.charge(100, "reading")
    budget.repeat(100)
    with pytest.raises(OverBudgetError, match="let fewer providers and imports wait for one another"):
        budget.repeat(1)


def test_a_slice_that_is_over_takes_nothing() -> None:
    budget = Budget()
    budget.begin_slice(10)
    budget.charge(10, "reading")
    with pytest.raises(SliceOverError):
        budget.charge(1, "reading")
    assert budget.spent == 10


def test_inputs_of_a_provider_have_a_bound_of_their_own() -> None:
    definition = {"values": {"a": {"fn::open::echo": {"x": "x" * 70_000}}}}
    evaluation, _ = spent_on(definition)
    (found,) = evaluation.diagnostics
    assert (found.reason, found.path) == ("LimitExceeded", "values.a")
    assert found.summary == ("the inputs are larger than 65536 bytes, by 4497: a provider or rotator takes no more")


def test_an_import_is_asked_for_at_a_price() -> None:
    evaluation, _ = spent_on({"imports": ["a"]}, {"a": {"values": {"x": 1}}}, limits=Limits(work=100))
    (found,) = evaluation.diagnostics
    assert found.summary.startswith("importing takes 400 units of work")
