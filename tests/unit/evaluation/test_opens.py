"""One evaluation opens so many different providers and rotators and no more, and says so before it opens any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.evaluation import (
    Described,
    Evaluator,
    Mode,
    Opened,
    OpenProvider,
    Rotated,
)
from esc_operator.lang import DEFAULT_LIMITS, parse_text
from unit.evaluation.drive import (
    World,
    all_at_once,
    drive,
    echo,
    evaluate,
    first_first,
    last_first,
    revealed,
    summaries,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = DEFAULT_LIMITS.opens


def world(**environments: str) -> World:
    rotator = (Described(), lambda effect: Opened(1, secret=False), lambda effect: Rotated(1, secret=False))
    return World(environments, {"p": (Described(), echo), "q": (Described(), echo)}, {"r": rotator})


def opening(inputs: Iterable[Any], provider: str = "p", prefix: str = "a") -> str:
    return "".join(
        f"  {prefix}{number:04}: {{fn::open::{provider}: {{n: {one}}}}}\n" for number, one in enumerate(inputs)
    )


def opened(outside: World) -> int:
    return sum(isinstance(effect, OpenProvider) for effect in outside.asked)


def test_as_many_as_are_allowed_are_opened() -> None:
    outside = world()
    evaluation = evaluate("values:\n" + opening(range(MOST)), outside)
    assert evaluation.diagnostics == ()
    assert opened(outside) == MOST
    assert revealed(evaluation)["a0005"] == {"n": 5}


def test_one_more_is_refused_with_how_many_where_and_what_to_do_and_nothing_is_opened() -> None:
    outside = world()
    evaluation = evaluate("values:\n" + opening(range(4000)), outside)
    (told,) = evaluation.diagnostics
    assert (told.path, told.reason, told.summary) == (
        f"values.a{MOST:04}",
        "LimitExceeded",
        (
            "the evaluation opens 4000 providers and rotators with different inputs, and 64 are allowed in one: split"
            " the environment, or give calls the same inputs, which count once"
        ),
    )
    assert opened(outside) == 0


def test_calls_with_equal_inputs_count_once_and_only_for_the_same_provider() -> None:
    same = "values:\n" + opening([1] * 500) + opening([1] * 500, "q", "b") + opening(range(2, MOST), "p", "c")
    assert evaluate(same, world()).diagnostics == ()
    assert evaluate(same + "  one: {fn::open::q: {n: 2}}\n", world()).diagnostics


def test_rotators_count_each_and_an_import_counts_with_its_importer() -> None:
    rotators = "values:\n" + "".join(f"  a{number}: {{fn::rotate::r: {{inputs: {{}}}}}}\n" for number in range(65))
    (told,) = evaluate(rotators, world()).diagnostics
    assert told.summary.startswith("the evaluation opens 65 providers and rotators")
    base = "values:\n" + opening(range(40))
    evaluation = evaluate("imports: [base]\nvalues:\n" + opening(range(40, 80), "p", "b"), world(base=base))
    (told,) = evaluation.diagnostics
    assert told.summary.startswith("the evaluation opens 80 ")


def test_where_an_import_goes_beyond_it_is_named() -> None:
    evaluation = evaluate("imports: [base]\nvalues: {}", world(base="values:\n" + opening(range(65))))
    assert [(told.environment, told.path) for told in evaluation.diagnostics] == [("base", "values.a0064")]


def test_large_inputs_count_by_themselves_rather_than_cost_a_comparison() -> None:
    large = "values:\n  large: " + "x" * 40_000 + "\n" + opening(["'${large}'"] * 100)
    (told,) = evaluate(large, world()).diagnostics
    assert told.summary.startswith("the evaluation opens 75 ")  # 26 were compared


def test_what_others_give_inputs_to_counts_as_well() -> None:
    chain = "values:\n  a0: {fn::open::p: {n: 0}}\n" + "".join(
        f"  a{number}: {{fn::open::p: {{n: '${{a{number - 1}.n}}x'}}}}\n" for number in range(1, MOST + 1)
    )
    outside = world()
    (told,) = evaluate(chain, outside).diagnostics
    assert told.path == f"values.a{MOST}"
    assert opened(outside) == MOST


@pytest.mark.parametrize("choose", [all_at_once, first_first, last_first])
def test_it_is_refused_alike_in_whatever_order_answers_come(choose: Any) -> None:
    text = "imports: [base, other]\nvalues:\n" + opening(range(80))
    outside = world(base="values:\n" + opening(range(30), "q"), other="values:\n" + opening(range(30, 60), "q", "b"))
    environment, _ = parse_text("root", text)
    evaluation = drive(Evaluator(environment, name="root", mode=Mode.OPEN), outside, choose)
    assert summaries(evaluation)[0].startswith("the evaluation opens ")
    assert {told.reason for told in evaluation.diagnostics} == {"LimitExceeded"}
