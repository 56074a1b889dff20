"""Whoever looks from another thread is told whose evaluation holds the event loop, or the thread for large work."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING

import pytest

from esc_operator.driver.sharing import ANY_AGE, SharedLogins
from esc_operator.driver.shelf import LoginKey
from esc_operator.driver.slices import SLICE, LargeWork
from esc_operator.evaluation import Failed
from esc_operator.formats.times import parse_time
from esc_operator.reconciliation.controller.under_way import Definition, Stretch, UnderWay
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

BOMB = Definition(Key("apps", "bomb"), "uid-1", 3)
OTHER = Definition(Key("apps", "other"), "uid-2", 1)


def named(stretch: Stretch | None) -> Definition | None:
    return stretch.definition if stretch else None


def run(under_way: UnderWay, work: Coroutine[Any, Any, None]) -> None:
    """In an event loop as the operator's is."""

    async def in_loop() -> None:
        asyncio.get_running_loop().set_task_factory(under_way.make_task)
        await asyncio.create_task(work)

    asyncio.run(in_loop())
    assert under_way.stretch is None
    assert under_way.large is None


def test_only_the_part_between_two_waits_is_a_stretch_and_errors_and_cancellations_pass() -> None:
    under_way = UnderWay()
    seen: list[Stretch | None] = []

    async def work() -> str:
        seen.append(under_way.stretch)
        await asyncio.create_task(look())
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append(under_way.stretch)
        try:
            await asyncio.gather(fail())
        except LookupError:
            return "done"
        return "never"

    async def look() -> None:
        seen.append(under_way.stretch)

    async def fail() -> None:
        raise LookupError

    async def run() -> str:
        task = asyncio.create_task(under_way.of(BOMB, work()))
        await asyncio.sleep(0.01)
        task.cancel()
        return await task

    assert asyncio.run(run()) == "done"
    assert [one and one.definition for one in seen] == [BOMB, None, BOMB]
    assert under_way.stretch is None


def test_tasks_that_an_evaluation_begins_are_named_as_itself_and_no_others() -> None:
    under_way = UnderWay()
    seen: list[tuple[str, Definition | None]] = []

    async def look(who: str) -> None:
        seen.append((who, named(under_way.stretch)))
        await asyncio.sleep(0)
        seen.append((who, named(under_way.stretch)))

    async def evaluate() -> None:
        of_nobody = contextvars.Context()
        async with asyncio.TaskGroup() as group:
            group.create_task(look("its own"))
            group.create_task(look("its own"), context=contextvars.copy_context())
            group.create_task(look("somebody's"), context=of_nobody)

    async def everything() -> None:
        await under_way.of(BOMB, evaluate())
        await asyncio.gather(look("later"))

    run(under_way, everything())
    assert dict(seen) == {"its own": BOMB, "somebody's": None, "later": None}
    assert len(seen) == 8


def test_a_login_that_is_shared_is_in_the_name_of_who_began_it() -> None:
    under_way = UnderWay()
    seen: list[Definition | None] = []
    now = parse_time("2026-05-01T12:00:00Z")
    assert now is not None

    async def log_in() -> Failed:
        seen.append(named(under_way.stretch))
        await asyncio.sleep(0)
        seen.append(named(under_way.stretch))
        return Failed("refused")

    async def everything() -> None:
        logins, key = SharedLogins(lambda: now), LoginKey("aws-login", "default", "1", "apps")
        await asyncio.gather(
            under_way.of(BOMB, logins.open(key, ANY_AGE, log_in)),
            under_way.of(OTHER, logins.open(key, ANY_AGE, log_in)),
        )

    run(under_way, everything())
    assert seen == [BOMB, BOMB]


def test_a_task_that_is_cancelled_before_it_begins_leaves_nothing_unawaited() -> None:
    under_way = UnderWay()

    async def never() -> None:
        pytest.fail("it was begun")

    async def evaluate() -> None:
        task = asyncio.create_task(never())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(under_way, under_way.of(BOMB, evaluate()))


def test_what_a_task_raises_and_what_it_is_closed_with_reach_whom_they_are_for() -> None:
    under_way, ended = UnderWay(), []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(named(under_way.stretch))

    async def evaluate() -> None:
        with pytest.raises(LookupError):
            await asyncio.create_task(fail())
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(under_way, under_way.of(BOMB, evaluate()))
    assert ended == [BOMB]


def test_large_work_is_named_while_it_has_the_thread_and_small_work_as_a_part_of_its_stretch() -> None:
    under_way = UnderWay()
    seen: list[tuple[Definition | None, Definition | None]] = []

    def work() -> None:
        seen.append((named(under_way.stretch), named(under_way.large)))

    def fail() -> None:
        raise LookupError

    async def evaluate() -> None:
        large = LargeWork(under_way.aside)
        await large.run(work, SLICE, "apps")
        await large.run(work, SLICE + 1, "apps")
        with pytest.raises(LookupError):
            await large.run(fail, SLICE + 1, "apps")
        assert under_way.large is None

    run(under_way, under_way.of(BOMB, evaluate()))
    assert seen == [(BOMB, None), (None, BOMB)]


def test_large_work_that_waits_for_its_turn_is_not_named_yet() -> None:
    under_way = UnderWay()
    seen: list[Definition | None] = []

    def work() -> None:
        seen.append(named(under_way.large))

    async def everything() -> None:
        large = LargeWork(under_way.aside)
        await asyncio.gather(
            under_way.of(BOMB, large.run(work, SLICE + 1, "apps")),
            under_way.of(OTHER, large.run(work, SLICE + 1, "apps")),
        )
        await large.run(work, SLICE + 1, "")

    run(under_way, everything())
    assert seen == [BOMB, OTHER, None]
