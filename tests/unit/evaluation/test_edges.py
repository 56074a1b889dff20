"""Sharing is checked on every edge: what one place may import says nothing about another."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.evaluation import Evaluator, Failed, Loaded, LoadEnvironment, Mode, OpenProvider
from esc_operator.lang import parse_text
from esc_operator.stores.references import project_of, qualify
from unit.evaluation.drive import World, all_at_once, drive, first_first, last_first, revealed, summaries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.evaluation import Answer, Effect, Evaluation

ORDERS = [all_at_once, first_first, last_first]


class Places(World):
    """Environments of several places; `shared` says with which others each is. A bare name may be one of `wide`."""

    def __init__(self, environments: Mapping[str, str], shared: Mapping[str, set[str]]) -> None:
        super().__init__(environments)
        self.shared = shared

    def answer(self, effect: Effect) -> Answer:
        if not isinstance(effect, LoadEnvironment):
            return super().answer(effect)
        self.asked.append(effect)
        place = project_of(effect.importer)
        names = [effect.identity] if "/" in effect.name else [effect.identity, f"wide/{effect.name}"]
        for name in names:
            allowed = project_of(name) == place or place in self.shared.get(name, ())
            if name in self.environments and allowed:
                return Loaded(*parse_text(name, self.environments[name]), name)
        return Failed(f"{effect.name} is not there for {place}", "NotShared")


def opened(root: str, world: Places, choose: Any = all_at_once) -> Evaluation:
    environment, diagnostics = parse_text(root, world.environments[root])
    assert not diagnostics, diagnostics
    evaluator = Evaluator(environment, name=root, mode=Mode.OPEN, qualify=qualify, place_of=project_of)
    return drive(evaluator, world, choose)


BLUE = {
    "blue/closed": "values: {password: hunter2}",
    "blue/shared": "imports: [closed: {merge: false}]\nvalues: {given: '${imports.closed.password}-made'}",
}
THEFTS = {
    "by two names": "values: {stolen: '${environments.blue.closed.password}'}",
    "by brackets": """values: {stolen: '${environments["blue"]["closed"]["password"]}'}""",
    "as a whole": "values: {stolen: '${environments.blue.closed}'}",
}


@pytest.mark.parametrize("choose", ORDERS)
@pytest.mark.parametrize("imports", ["[blue/shared]", "[middle]", "[blue/shared, middle]", "[middle, blue/shared]"])
@pytest.mark.parametrize("theft", THEFTS.values(), ids=THEFTS)
def test_what_an_import_imports_is_not_there_for_its_importer(theft: str, imports: str, choose: Any) -> None:
    shared = {"blue/shared": {"red", "wide"}, "wide/middle": {"red"}}
    world = Places({**BLUE, "wide/middle": "imports: [blue/shared]"}, shared)
    world.environments["red/app"] = f"imports: {imports}\n{theft}"
    evaluation = opened("red/app", world, choose)
    assert set(summaries(evaluation)) == {"blue/closed is not there for red"}
    del world.environments["blue/closed"]
    world.environments["blue/shared"] = "values: {}"
    assert set(summaries(opened("red/app", world, choose))) == {"blue/closed is not there for red"}


@pytest.mark.parametrize("choose", ORDERS)
@pytest.mark.parametrize("imports", ["[blue/shared, blue/closed]", "[blue/closed, blue/shared]"])
def test_a_refused_import_takes_it_from_nobody_else(imports: str, choose: Any) -> None:
    world = Places(BLUE, {"blue/shared": {"red"}})
    world.environments["red/app"] = f"imports: {imports}"
    evaluation = opened("red/app", world, choose)
    assert summaries(evaluation) == ["blue/closed is not there for red"]
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"given": "hunter2-made"}


@pytest.mark.parametrize("choose", ORDERS)
def test_two_names_for_one_environment_are_two_edges(choose: Any) -> None:
    world = Places(
        {
            "wide/private": "values: {password: hunter2}",
            "blue/shared": "imports: [private: {merge: false}]\nvalues: {given: 1}",
            "red/app": "imports: [blue/shared, wide/private, private]",
        },
        {"wide/private": {"blue"}, "blue/shared": {"red"}},
    )
    evaluation = opened("red/app", world, choose)
    assert summaries(evaluation) == ["wide/private is not there for red", "private is not there for red"]
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"given": 1}


@pytest.mark.parametrize("choose", ORDERS)
def test_a_cycle_through_another_place_is_closed_only_where_the_way_back_is_shared(choose: Any) -> None:
    world = Places(
        {"red/app": "imports: [blue/shared]\nvalues: {x: 1}", "blue/shared": "imports: [red/app]"},
        {"blue/shared": {"red"}},
    )
    assert summaries(opened("red/app", world, choose)) == ["red/app is not there for blue"]
    world.shared = {**world.shared, "red/app": {"blue"}}
    assert summaries(opened("red/app", world, choose)) == ["cyclic import of red/app"]


@pytest.mark.parametrize("choose", ORDERS)
def test_a_diamond_over_places_is_evaluated_once_and_asked_for_once_a_place(choose: Any) -> None:
    world = Places(
        {
            "red/app": "imports: [a, b, blue/c, blue/d, wide/base]",
            **dict.fromkeys(("red/a", "red/b", "blue/c", "blue/d"), "imports: [wide/base]"),
            "wide/base": "values: {x: {fn::open::echo: {y: 1}}}",
        },
        {"wide/base": {"red", "blue"}, "blue/c": {"red"}, "blue/d": {"red"}},
    )
    assert revealed(opened("red/app", world, choose)) == {"x": {"y": 1}}
    base = [effect for effect in world.asked_for(LoadEnvironment) if effect.identity == "wide/base"]
    assert sorted(project_of(effect.importer) for effect in base) == ["blue", "red"]
    assert len(world.asked_for(OpenProvider)) == 1


@pytest.mark.parametrize("choose", ORDERS)
def test_a_finding_says_through_which_import_it_came_unless_the_own_place_has_named_what_it_is_about(
    choose: Any,
) -> None:
    broken = "imports: [gone]\nvalues: {x: '${nope}'}"
    world = Places(
        {
            "red/app": "imports: [own, blue/a]",
            "red/own": "imports: [wide/named]\nvalues: {x: '${nope}'}",
            "blue/a": "imports: [wide/deep]\nvalues: {x: '${nope}'}",
            "wide/named": broken,
            "wide/deep": broken,
        },
        {"blue/a": {"red"}, "wide/named": {"red", "blue"}, "wide/deep": {"blue"}},
    )
    found = {(one.environment, one.reason): one.through for one in opened("red/app", world, choose).diagnostics}
    assert found == {
        ("red/own", "UnknownProperty"): "",
        ("blue/a", "UnknownProperty"): "",
        ("wide/named", "UnknownProperty"): "",
        ("wide/named", "NotShared"): "wide/named",
        ("wide/deep", "UnknownProperty"): "blue/a",
        ("wide/deep", "NotShared"): "blue/a",
    }


NAMES = [f"{place}/{name}" for place in ("red", "blue", "wide") for name in ("a", "b", "c")]


@settings(deadline=None)
@given(
    st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True) for name in NAMES}),
    st.fixed_dictionaries({name: st.sets(st.sampled_from(["red", "blue", "wide"])) for name in NAMES}),
    st.sampled_from(ORDERS),
)
def test_who_is_served_is_who_may_ask_whatever_is_imported_in_whatever_order(
    imports: dict[str, list[str]], shared: dict[str, set[str]], choose: Any
) -> None:
    def definition(name: str) -> str:
        own = ", ".join(f"'{one}': {{merge: false}}" for one in imports[name])
        return f"imports: [{own}]\nvalues: {{own: '{name}'}}"

    names = ", ".join(f"{one.replace('/', '-')}: '${{environments.{one.replace('/', '.')}.own}}'" for one in NAMES)
    world = Places({name: definition(name) for name in NAMES}, shared)
    world.environments["red/root"] = f"imports: [red/a, blue/b, wide/c]\nvalues: {{{names}}}"
    value = opened("red/root", world, choose).value
    assert value is not None
    for name, child in itertools.filterfalse(lambda one: one[0] == "own", value.properties.items()):
        imported = name.replace("-", "/")
        may = project_of(imported) == "red" or "red" in shared[imported]
        assert child.is_unknown is not may
