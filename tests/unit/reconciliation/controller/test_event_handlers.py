"""What another process has left: worked on by expiry, behind what is new, and left alone where nothing is due."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.reconciliation.workqueue.debounce import MOST_ROUNDS, QUIET_SECONDS, Debounce
from esc_operator.resources import ROTATE_REQUESTED_AT
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, key, login, play, static

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.resources.environment import EscEnvironment

COUNT = 20


def names_by_expiry(world: World) -> list[str]:
    names = [f"aws-{number}" for number in range(COUNT)]
    return sorted(names, key=lambda name: world.status(name)["expiresAt"])


async def fill(world: World, apart: timedelta = MINUTE) -> list[str]:
    """Environments that expire in another order than they are listed in; their names in the order of their expiries."""
    lives = [HOUR + number * apart for number in range(COUNT)]
    random.Random(1).shuffle(lives)
    for number, life in enumerate(lives):
        world.api.put_environment(f"aws-{number}", login(life))
    world.api.put_environment("plain", static(A="1"))
    async with world.operator():
        await world.settle()
    return names_by_expiry(world)


def opened_in_order(world: World) -> list[str]:
    order: list[str] = []
    world.cloud.during = lambda environment: order.append(environment.key.name)
    return order


def test_after_a_time_away_the_earliest_expiry_goes_first() -> None:
    async def story(world: World) -> None:
        expiries = await fill(world)
        world.time += 3 * HOUR
        order = opened_in_order(world)
        async with world.operator():
            assert order == expiries

    play(story)


def test_what_has_expired_waits_for_its_place_while_the_list_comes_in() -> None:
    async def story(world: World) -> None:
        expiries = await fill(world)
        world.time += 3 * HOUR
        order, whole = opened_in_order(world), asyncio.Event()

        async def until_it_is_whole(_: float) -> None:
            await whole.wait()

        world.pause = until_it_is_whole
        async with world.operator():
            await world.skip(5 * SECOND, step=SECOND)
            assert order == []
            whole.set()
            await world.settle()
            assert order == expiries

    play(story)


def test_those_who_wait_keep_their_order_though_it_may_have_to_be_told_of_them_soon() -> None:
    async def story(world: World) -> None:
        expiries = await fill(world, apart=SECOND)
        world.time += HOUR - 30 * SECOND
        order, world.cloud.gate, world.workers_hang = opened_in_order(world), asyncio.Event(), True
        async with world.operator():
            await world.skip(5 * SECOND, step=SECOND)
            assert order == expiries[: len(order)]
            assert len(order) < COUNT
            world.cloud.gate.set()
            world.workers_hang = False
            await world.settle()
            assert order == expiries

    play(story)


def test_what_is_new_or_was_asked_for_meanwhile_does_not_wait_behind_them() -> None:
    async def story(world: World) -> None:
        expiries = await fill(world)
        world.time += 3 * HOUR
        world.api.put_environment("z-new", login())
        first, second, third = expiries[-3:]
        world.api.annotate_environment(first, annotations={ROTATE_REQUESTED_AT: "now"})
        world.api.put_environment(second, login(2 * HOUR + timedelta(seconds=1)))
        world.api.delete_secret(third)
        order = opened_in_order(world)
        async with world.operator():
            assert {*order[:4]} == {"z-new", first, second, third}
            assert order[4:] == expiries[:-3]
            assert all(world.told(name) == WELL for name in order)

    play(story)


def test_where_nothing_is_due_nothing_is_minted_or_written() -> None:
    async def story(world: World) -> None:
        await fill(world)
        mints, written = world.cloud.mints.copy(), world.api.count("apply", "patch_status")
        async with world.operator():
            await world.skip(MINUTE)
        assert world.cloud.mints == mints
        assert world.api.count("apply", "patch_status") == written

    play(story)


def test_what_is_deleted_or_changed_before_its_turn_is_looked_at_at_once() -> None:
    async def story(world: World) -> None:
        expiries = await fill(world)
        world.time += 3 * HOUR
        deleted, changed = expiries[-1], expiries[-2]
        order: list[str] = []

        def during(environment: EscEnvironment) -> None:
            if not order:
                world.api.delete_environment(deleted)
                world.api.put_environment(changed, login(3 * HOUR))
            order.append(environment.key.name)

        world.cloud.during = during
        async with world.operator():
            assert deleted not in order
            assert order.index(changed) < 8
            assert world.told(changed) == WELL

    play(story)


def test_what_was_deleted_while_the_watch_had_lost_its_place_is_found_missing_in_the_next_list() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(A="1"))
        world.api.put_environment("app", static("base"))
        world.api.put_environment("other", static(A="1"))
        async with world.operator() as reconciler:
            world.watch_is_late, world.api.garbage_is_collected = True, False
            world.api.delete_environment("base")
            await world.settle()
            assert world.told("app") == WELL
            for name in ("app", "other"):
                reconciler.event_handlers.on_environment(world.api.environment(name), deleted=False, listed=True)
            await world.settle()
            assert world.told("app") == ("True", "Synced", "False", "ImportNotFound")
            assert reconciler.cache.find(key("base")) is None
            calls = world.api.count("read", "patch_status")
            for name in ("app", "other"):
                reconciler.event_handlers.on_environment(world.api.environment(name), deleted=False, listed=True)
            await world.settle()
            assert world.api.count("read", "patch_status") == calls

    play(story)


def test_an_empty_list_too_tells_of_those_that_are_missing_in_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("last", static(A="1"))
        world.api.put_environment("base", static(A="1"), "")
        async with world.operator() as reconciler:
            world.watch_is_late, world.api.garbage_is_collected = True, False
            world.api.delete_environment("last")
            world.api.delete_environment("base", "")
            await world.settle()
            calls = world.api.count("read")
            reconciler.event_handlers.on_empty_list("escrotations", "")
            reconciler.event_handlers.on_empty_list("escenvironments", "elsewhere")
            await world.settle()
            assert world.api.count("read") == calls
            reconciler.event_handlers.on_empty_list("escenvironments", "")
            await world.settle()
            assert [str(key) for key, _ in reconciler.cache.entries()] == ["base"]
            reconciler.event_handlers.on_empty_list("clusterescenvironments", "")
            await world.settle()
            assert reconciler.cache.is_empty

    play(story)


def test_an_empty_list_of_one_namespace_tells_of_that_one() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("last", static(A="1"))
        world.api.put_environment("last", static(A="1"), "other")
        async with world.operator() as reconciler:
            world.watch_is_late, world.api.garbage_is_collected = True, False
            world.api.delete_environment("last")
            world.api.delete_environment("last", "other")
            reconciler.event_handlers.on_empty_list("escenvironments", "apps")
            await world.settle()
            assert [str(key) for key, _ in reconciler.cache.entries()] == ["other/last"]

    play(story)


def test_it_waits_until_no_more_are_found_but_not_for_ever() -> None:
    async def story() -> None:
        found: list[Mapping[str, float]] = []
        waits: list[float] = []
        more = iter(range(1000))

        async def pause(seconds: float) -> None:
            waits.append(seconds)
            await asyncio.sleep(0)
            if len(waits) < 5 or found:
                debounce.add(f"late-{next(more)}", 0.0)

        debounce = Debounce[str, float](pause=pause)
        task = asyncio.create_task(debounce.run(found.append))
        debounce.add("a", 1.0)
        debounce.add("gone", 0.0)
        debounce.discard("gone")
        for _ in range(100):
            await asyncio.sleep(0)
        assert found == [{"a": 1.0, **{f"late-{number}": 0.0 for number in range(4)}}]
        assert waits == [QUIET_SECONDS] * 5
        debounce.add("b", 3.0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert "b" in found[1]
        assert len(found[1]) == MOST_ROUNDS + 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


def test_an_echo_is_what_changes_nothing_that_an_owner_or_a_rotation_can_ask_for() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            is_echo = reconciler.event_handlers.is_echo
            world.api.put_environment("a", static(A="1"))
            assert not is_echo(world.api.environment("a"))  # nobody has looked at it yet
            await world.settle()
            body = world.api.environment("a")
            assert is_echo(body)
            assert is_echo(body | {"status": {}})
            metadata = body["metadata"]
            for change in (
                {"metadata": metadata | {"generation": metadata["generation"] + 1}},
                {"metadata": metadata | {"uid": "another"}},
                {"metadata": metadata | {"name": "another"}},
                {"metadata": metadata | {"annotations": {ROTATE_REQUESTED_AT: "now"}}},
                {"status": {"rotation": {"id": "1", "name": "all", "requestedAt": "2026-05-01T12:00:00Z"}}},
            ):
                assert not is_echo(body | change), change
            reconciler.event_handlers.on_environment(body, deleted=True)
            assert not is_echo(body)

    play(story)
