"""The clock jumps, or the machine sleeps: nothing is renewed in a loop, and nothing that is due is left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.formats.times import parse_time
from esc_operator.reconciliation.sync.outcome import Refused
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, login, play, static

DOWN = Refused("AWSUnavailable", "the cloud does not answer")


def left(world: World, name: str = "aws") -> timedelta:
    """How much life its credentials have left by the clock."""
    expires_at = parse_time(world.status(name)["expiresAt"])
    assert expires_at is not None
    return expires_at - world.time


@pytest.mark.parametrize("span", [20 * MINUTE, HOUR, 3 * HOUR, timedelta(days=3)])
def test_after_a_suspend_what_is_due_is_renewed_at_the_first_look_and_once(span: timedelta) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        world.api.put_environment("plain", static(A="1"))
        async with world.operator():
            await world.skip(30 * MINUTE, step=MINUTE)
            world.time += span
            await world.look()
            assert world.told("aws") == WELL
            assert left(world) > 15 * MINUTE
            await world.skip(10 * MINUTE, step=SECOND)
            assert world.cloud.mints == {"aws": 2}
            assert world.told("plain") == WELL

    play(story)


def test_a_clock_that_is_an_hour_ahead_for_a_while_costs_two_mints_and_leaves_no_dead_credential() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(10 * MINUTE, step=MINUTE)
            world.time += HOUR
            await world.look()
            assert world.cloud.mints == {"aws": 2}
            await world.skip(10 * MINUTE, step=SECOND)
            assert world.cloud.mints == {"aws": 2}
            world.time -= HOUR
            await world.look()
            assert world.told("aws") == WELL
            await world.skip(3 * HOUR, step=MINUTE)
            assert world.told("aws") == WELL
            assert left(world) > 14 * MINUTE
            assert world.cloud.mints["aws"] <= 6

    play(story)


def test_a_clock_that_is_an_hour_back_for_a_while_is_made_up_for_when_it_is_right_again() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(30 * MINUTE, step=MINUTE)
            world.time -= HOUR
            await world.look()
            assert world.told("aws") == WELL
            await world.skip(10 * MINUTE, step=SECOND)
            assert world.cloud.mints["aws"] <= 2
            world.time += HOUR
            await world.look()
            assert world.told("aws") == WELL
            await world.skip(3 * HOUR, step=MINUTE)
            assert left(world) > 14 * MINUTE
            assert world.cloud.mints["aws"] <= 7

    play(story)


def test_a_failure_before_a_jump_back_is_not_waited_for_until_the_clock_gets_there() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = Refused("Throttled", "slow down", retry_after=600)
            await world.skip(50 * MINUTE, step=10 * SECOND)
            assert world.told("aws")[3] == "Throttled"
            world.time -= HOUR
            world.cloud.refusals.clear()
            await world.look()
            assert world.told("aws") == WELL

    play(story)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_in_an_outage_a_jump_of_the_clock_calls_the_provider_no_more_often(jump: timedelta) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            world.cloud.refusals["aws"] = DOWN
            await world.skip(70 * MINUTE, step=10 * SECOND)
            before = world.cloud.opened["aws"]
            world.time += jump
            await world.look()
            await world.skip(10 * MINUTE, step=SECOND)
            assert 2 <= world.cloud.opened["aws"] - before <= 6
            world.cloud.refusals.clear()
            await world.skip(5 * MINUTE, step=SECOND)
            assert world.told("aws") == WELL

    play(story)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-7200, 7200), min_size=1, max_size=6))
def test_whatever_the_clock_does_there_is_a_bounded_number_of_mints_and_in_the_end_all_is_well(
    jumps: list[int],
) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            for jump in jumps:
                world.time += timedelta(seconds=jump)
                await world.look()
                await world.skip(10 * MINUTE, step=30 * SECOND)
            assert world.cloud.mints["aws"] <= 1 + 2 * len(jumps)
            await world.skip(2 * HOUR, step=MINUTE)
            assert world.told("aws") == WELL
            assert left(world) > 10 * MINUTE

    play(story)
