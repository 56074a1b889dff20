"""While all workers are busy, what a Secret holds may come to its end: that is told in time, by whoever can."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from esc_operator.errors import UnavailableError
from unit.reconciliation.fan_out_world import RollingTeams, Teams
from unit.reconciliation.rollout_world import RolloutWorld, rolling
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, login, play, static

EXPIRED = ("False", "Expired", "True", "Refreshed")
BEHIND = "others are ahead of it"
NAMES = [f"aws-{number}" for number in range(8)]
"""Twice as many as there are workers for what is due by time."""


async def fill(world: World) -> None:
    for name in NAMES:
        world.api.put_environment(name, login())
    async with world.operator():
        await world.settle()


def close(world: World) -> None:
    """From now on nothing that is asked for has an answer."""
    world.cloud.gate, world.workers_hang = asyncio.Event(), True


async def hang(world: World) -> None:
    """All are due, half of them are asked for, and nothing has an answer."""
    close(world)
    await world.skip(58 * MINUTE, step=MINUTE)
    assert sum(world.cloud.opened.values()) == len(NAMES) + 4


async def answer(world: World) -> None:
    assert world.cloud.gate
    world.cloud.gate.set()
    world.cloud.gate, world.workers_hang = None, False
    await world.settle()


def test_an_expiry_is_reported_in_time_though_its_renewal_has_not_begun() -> None:
    async def story(world: World) -> None:
        await fill(world)
        async with world.operator():
            await hang(world)
            assert {world.told(name) for name in NAMES} == {WELL}
            # What is renewed with an answer pending tells so, what waits for a worker tells that.
            await world.skip(61 * SECOND, step=SECOND)
            assert {world.told(name) for name in NAMES} == {EXPIRED}
            messages = [world.condition(name)["message"] for name in NAMES]
            assert sum(BEHIND in message for message in messages) == len(NAMES) - 4
            assert sum("has no answer yet" in message for message in messages) == 4
            written = world.api.count("patch_status")
            await world.skip(5 * MINUTE, step=5 * SECOND)
            assert world.api.count("patch_status") == written
            await answer(world)
            assert {world.told(name) for name in NAMES} == {WELL}
            assert set(world.cloud.mints.values()) == {2}  # it was told, and nothing else

    play(story)


def test_an_event_tells_of_an_expiry_once_and_another_of_the_renewal() -> None:
    async def story(world: World) -> None:
        await fill(world)
        async with world.operator():
            await hang(world)
            await world.skip(3 * MINUTE, step=SECOND)
            events = [event for event in world.api.events if event["reason"] == "Expired"]
            assert sorted(event["involvedObject"]["name"] for event in events) == NAMES
            assert {event["type"] for event in events} == {"Warning"}
            await answer(world)
            others = [event for event in world.api.events if event not in events]
            assert sorted(event["involvedObject"]["name"] for event in others) == NAMES
            assert {(event["type"], event["reason"]) for event in others} == {("Normal", "Refreshed")}

    play(story)


def test_after_a_start_too_it_is_reported_before_it_is_their_turn() -> None:
    async def story(world: World) -> None:
        await fill(world)
        world.time += 55 * MINUTE
        close(world)
        async with world.operator():
            await world.skip(3 * MINUTE, step=SECOND)
            assert {world.told(name) for name in NAMES} == {WELL}
            await world.skip(2 * MINUTE, step=SECOND)
            assert {world.told(name) for name in NAMES} == {EXPIRED}
            await answer(world)
            assert {world.told(name) for name in NAMES} == {WELL}
            assert set(world.cloud.mints.values()) == {2}

    play(story)


def test_what_expired_while_no_operator_ran_is_reported_where_its_turn_does_not_come_in_a_moment() -> None:
    async def story(world: World) -> None:
        await fill(world)
        world.time += 2 * HOUR
        close(world)
        async with world.operator():
            assert {world.told(name) for name in NAMES} == {WELL}
            await world.skip(3 * SECOND, step=SECOND)
            assert {world.told(name) for name in NAMES} == {EXPIRED}

    play(story)


def test_a_change_that_waits_for_a_worker_keeps_no_expiry_from_being_told() -> None:
    async def story(world: World) -> None:
        await fill(world)
        async with world.operator():
            world.time += 30 * MINUTE
            close(world)
            for name in NAMES:
                world.api.put_environment(name, login(HOUR + SECOND))
            await world.settle()
            assert sum(world.cloud.opened.values()) == len(NAMES) + 6
            await world.skip(HOUR / 2, step=5 * SECOND)
            assert {world.told(name) for name in NAMES} == {EXPIRED}
            # What it was told of is the generation that the Secret was made from.
            assert {world.status(name)["observedGeneration"] for name in NAMES} == {1}
            await answer(world)
            assert {world.told(name) for name in NAMES} == {WELL}
            assert {world.status(name)["observedGeneration"] for name in NAMES} == {2}
            assert set(world.cloud.mints.values()) == {2}

    play(story)


def test_what_is_suspended_or_deleted_while_it_waits_is_reported_nothing_wrong() -> None:
    async def story(world: World) -> None:
        await fill(world)
        async with world.operator():
            await hang(world)
            waiting = [name for name in NAMES if world.cloud.opened[name] == 1]
            suspended, deleted = waiting[:2]
            for name in ("plain-1", "plain-2"):  # the workers for changes are busy as well
                world.api.put_environment(name, static(A="1"))
            await world.settle()
            world.api.put_environment(suspended, login(suspend=True))
            world.api.delete_environment(deleted)
            await world.skip(5 * MINUTE, step=SECOND)
            assert world.told(suspended)[:2] == ("False", "Suspended")
            assert "are not renewed" in world.condition(suspended)["message"]
            await answer(world)
            assert world.told(suspended)[:2] == ("False", "Suspended")
            assert world.cloud.opened[suspended] == 1

    play(story)


def test_an_expiry_that_could_not_be_reported_is_reported_once_the_api_server_answers() -> None:
    async def story(world: World) -> None:
        await fill(world)
        async with world.operator():
            await hang(world)
            waiting = [name for name in NAMES if world.cloud.opened[name] == 1]
            world.api.refusals["patch_status", "escenvironments"] = UnavailableError("it does not answer")
            world.api.refusals["read", "escenvironments"] = UnavailableError("it does not answer")
            await world.skip(2 * MINUTE, step=SECOND)
            assert {world.told(name) for name in waiting} == {WELL}
            del world.api.refusals["read", "escenvironments"]
            await world.skip(10 * SECOND, step=SECOND)
            assert {world.told(name) for name in waiting} == {WELL}
            world.api.refusals.clear()
            await world.skip(10 * SECOND, step=SECOND)
            assert {world.told(name) for name in waiting} == {EXPIRED}

    play(story)


def test_an_api_server_that_asks_to_be_left_alone_is_left_alone_by_those_who_tell_too() -> None:
    async def story(world: World) -> None:
        await fill(world)
        async with world.operator():
            await hang(world)
            waiting = [name for name in NAMES if world.cloud.opened[name] == 1]
            world.api.refusals["patch_status", "escenvironments"] = UnavailableError("slow down", retry_after=30)
            calls = [world.api.count("patch_status")]
            for _ in range(100):
                await world.skip(SECOND)
                calls.append(world.api.count("patch_status"))
            told = [number for number, (one, other) in enumerate(pairwise(calls)) if one != other]
            assert calls[-1] - calls[0] <= 4 + 2 * len(waiting)
            assert all(later - earlier >= 29 for earlier, later in pairwise(told))
            world.api.refusals.clear()
            await world.skip(31 * SECOND, step=SECOND)
            assert {world.told(name) for name in waiting} == {EXPIRED}

    play(story)


def test_one_of_the_cluster_that_waits_is_reported_too() -> None:
    async def story(world: World) -> None:
        assert isinstance(world, Teams)
        world.put_wide()
        await fill(world)
        world.time += 2 * HOUR
        close(world)
        for name in NAMES:
            world.api.put_environment(name, login(2 * HOUR))  # all of them changes, listed before it
        async with world.operator():
            await world.skip(3 * SECOND, step=SECOND)
            assert world.cloud.opened["wide"] in {1, 2}
            assert world.conditions() == EXPIRED
            await answer(world)
            assert world.conditions() == WELL
            assert world.cloud.mints["wide"] == 2

    play(story, Teams(3))


def test_what_is_known_of_rollouts_is_still_told_beside_an_expiry() -> None:
    async def story(world: RolloutWorld) -> None:
        for name in NAMES:
            world.api.put_environment(name, rolling(login()))
        async with world.operator():
            await hang(world)
            before = [world.condition(name, "RolledOut") for name in NAMES]
            assert {one["status"] for one in before} == {"True"}
            await world.skip(61 * SECOND, step=SECOND)
            assert {world.told(name) for name in NAMES} == {EXPIRED}
            assert [world.condition(name, "RolledOut") for name in NAMES] == before

    play(story, RolloutWorld())


def test_what_is_known_of_the_rollouts_of_one_of_the_cluster_is_still_told_beside_an_expiry() -> None:
    async def story(world: RollingTeams) -> None:
        world.put_wide(rolling(login()))
        async with world.operator():
            close(world)
            await world.skip(58 * MINUTE, step=MINUTE)
            before = world.rolled
            assert before["status"] == "True"
            await world.skip(61 * SECOND, step=SECOND)
            assert world.conditions()[:2] == ("False", "Expired")
            assert (world.rolled, world.rolled_told()) == (before, ("True", "RolledOut", 3))
            await answer(world)
            assert world.conditions() == WELL
            assert world.rolled["status"] == "False"

    play(story, RollingTeams(3))
