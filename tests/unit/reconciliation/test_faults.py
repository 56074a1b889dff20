"""A request may fail anywhere. Each is lost once, before or after it took effect: the end is the same."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import pytest

from esc_operator.resources import ROTATE_REQUESTED_AT
from unit.reconciliation.world import MINUTE, SECOND, WELL, World, login, play, static

if TYPE_CHECKING:
    from unit.reconciliation.fake_api import Call

FIXED = {"name": "fixed"}


def begin(world: World) -> None:
    world.api.put_environment("base", static(COLOUR="blue"))
    world.api.put_environment("app", static("base"))
    world.api.put_environment("aws", login())
    world.api.put_environment("gone", login())
    world.api.put_secret("theirs", {"mine": "eA=="})


def change(world: World) -> None:
    world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
    world.api.put_environment("base", static(COLOUR="green"))
    world.api.delete_environment("gone")


def rename(world: World) -> None:
    world.api.put_environment("aws", login(target={"name": "theirs"}))


def rename_again(world: World) -> None:
    world.api.put_environment("aws", login(target=FIXED))


def disturb(world: World) -> None:
    if world.api.secret("fixed"):
        world.api.put_secret("fixed", {"TOKEN": "c3RvbGVu"})
    if world.api.secret("app"):
        world.api.delete_secret("app")


STEPS = (begin, change, rename, rename_again, disturb)


async def live(world: World) -> None:
    """A short life with everything in it, and time after each step to make up for what was lost."""
    async with world.operator():
        for step in STEPS:
            step(world)
            await world.skip(15 * SECOND, step=SECOND)
        await world.skip(5 * MINUTE, step=5 * SECOND)


async def live_twice(world: World, number: int) -> None:
    """The same life, but the process dies at a request, and another takes over."""

    def die(_: Call) -> None:
        world.api.unavailable = len(world.api.calls) > number

    world.api.before_call = die
    steps = list(STEPS)
    async with world.operator():
        while steps and not world.api.unavailable:
            steps.pop(0)(world)
            await world.settle()
            if not world.api.unavailable:
                await world.skip(15 * SECOND, step=SECOND)
    world.api.before_call, world.api.unavailable = (lambda _: None), False
    async with world.operator():
        for step in steps:
            step(world)
            await world.skip(15 * SECOND, step=SECOND)
        await world.skip(5 * MINUTE, step=5 * SECOND)


def check(world: World) -> None:
    assert world.told("aws") == world.told("app") == world.told("base") == WELL
    assert world.values("fixed") == {"TOKEN": f"minted-aws-{world.cloud.mints['aws']}"}
    assert world.values("app") == world.values("base") == {"COLOUR": "green"}
    assert world.values("theirs") == {"mine": "x"}
    assert sorted(key.name for plural, key in world.api.objects if plural == "secrets") == [
        "app",
        "base",
        "fixed",
        "theirs",
    ]
    status = world.status("aws")
    assert {"failures", "lastFailureAt"}.isdisjoint(status)
    assert (status["secretName"], status["observedRotateRequest"], status["variables"]) == ("fixed", "1", ["TOKEN"])
    secret = world.api.secret("fixed")
    assert secret is not None
    assert status["secretResourceVersion"] == secret["metadata"]["resourceVersion"]


@cache
def undisturbed() -> World:
    return play(live)


def test_without_a_fault_all_ends_well() -> None:
    world = undisturbed()
    check(world)
    assert world.cloud.mints == {"aws": 2, "gone": 1}
    assert len(world.api.calls) < 60


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_the_end_is_the_same_and_nothing_is_minted_twice(kind: str) -> None:
    for number in range(len(undisturbed().api.calls)):
        world = World()
        getattr(world.api, f"lost_{kind}").add(number)
        play(live, world)
        try:
            check(world)
            assert world.cloud.mints["aws"] == 2
        except AssertionError as failed:
            raise AssertionError(f"lost {kind} it took effect: {number}, {world.api.calls[number]}") from failed


def test_an_operator_that_dies_at_any_request_is_made_up_for_by_the_next() -> None:
    for number, call in enumerate(undisturbed().api.calls):
        if call.verb in {"list_page", "watch_lines"}:
            continue
        world = World()
        play(partial(live_twice, number=number), world)
        try:
            check(world)
            # What it had minted and not yet written died with it.
            assert world.cloud.mints["aws"] <= 3
        except AssertionError as failed:
            raise AssertionError(f"died at {number}, {call}") from failed
