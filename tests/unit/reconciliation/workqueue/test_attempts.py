"""Attempts that wait for somebody, and the workers that they let go."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

import pytest

from esc_operator.reconciliation.workqueue.attempts import Attempts
from esc_operator.reconciliation.workqueue.work_queue import Lane, Shares, WorkQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Works:
    """So many workers on one queue. An attempt on a key waits for what `waits` says of it, then for a worker, and is
    then `ended`. `busy` are those that a worker carries on."""

    def __init__(self, workers: int, shares: Shares | None = None) -> None:
        self.queue: WorkQueue[str] = WorkQueue(lambda key: key.partition("/")[0], shares)
        self.attempts = Attempts[str](self.queue)
        self.waits: dict[str, asyncio.Event] = {}
        self.then: Callable[[str], Awaitable[None]] = lambda _: asyncio.sleep(0)
        self.ended: list[str] = []
        self.busy: set[str] = set()
        self.most_busy = 0
        self._workers = workers

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work(group)) for _ in range(self._workers)]
            yield
            for worker in workers:
                worker.cancel()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self.attempts.carry_on(await self.queue.take(), group, self._attempt)

    async def _attempt(self, key: str) -> None:
        self._is_busy(key)
        try:
            if wait := self.waits.get(key):
                self.busy.discard(key)
                async with self.attempts[key].away():
                    await wait.wait()
                self._is_busy(key)
            await self.then(key)
            self.ended.append(key)
        except ValueError:
            self.ended.append(f"{key} failed")
        finally:
            self.busy.discard(key)

    def _is_busy(self, key: str) -> None:
        self.busy.add(key)
        self.most_busy = max(self.most_busy, len(self.busy))


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def test_who_waits_keeps_nobody_from_the_only_worker() -> None:
    async def story() -> None:
        works = Works(1)
        for number in range(10):
            works.waits[f"red/{number}"] = asyncio.Event()
            works.queue.add(f"red/{number}", Lane.CHANGE)
        async with works.running():
            await settle()
            assert works.queue.working == 10
            works.queue.add("blue/env", Lane.CHANGE)
            await settle()
            assert works.ended == ["blue/env"]
            for event in works.waits.values():
                event.set()
            await settle()
            assert sorted(works.ended[1:]) == sorted(works.waits)
            assert works.most_busy == 1

    asyncio.run(story())


def test_what_waits_is_bounded_for_each_namespace_and_the_rest_are_mere_keys() -> None:
    async def story() -> None:
        works = Works(2, Shares(each=3, all=5))
        for namespace in ("red", "blue", "green"):
            for number in range(4):
                key = f"{namespace}/{number}"
                works.waits[key] = asyncio.Event()
                works.queue.add(key, Lane.CHANGE)
        async with works.running():
            await settle()
            under_way = [key for key in works.waits if not works.queue.is_waiting(key)]
            assert len(under_way) == 5
            works.queue.add("new/env", Lane.CHANGE)
            await settle()
            assert works.ended == ["new/env"]
            for event in works.waits.values():
                event.set()
            await settle()
            assert len(works.ended) == 13
            assert works.most_busy <= 2

    asyncio.run(story())


def test_who_comes_back_waits_for_a_worker() -> None:
    async def story() -> None:
        works, busy = Works(1), asyncio.Event()
        works.waits["red/waits"] = asyncio.Event()

        async def then(key: str) -> None:
            if key == "blue/busy":
                await busy.wait()

        works.then = then
        works.queue.add("red/waits", Lane.CHANGE)
        works.queue.add("blue/busy", Lane.CHANGE)
        async with works.running():
            await settle()
            assert works.busy == {"blue/busy"}
            works.waits["red/waits"].set()
            await settle()
            assert works.busy == {"blue/busy"}
            busy.set()
            await settle()
            assert works.ended == ["blue/busy", "red/waits"]

    asyncio.run(story())


def test_a_change_meanwhile_is_worked_on_once_more_afterwards() -> None:
    async def story() -> None:
        works = Works(1)
        wait = works.waits["red/env"] = asyncio.Event()
        works.queue.add("red/env", Lane.REFRESH, 1.0)
        async with works.running():
            await settle()
            works.queue.add("red/env", Lane.CHANGE)
            await settle()
            assert works.ended == []
            wait.set()
            await settle()
            assert works.ended == ["red/env", "red/env"]

    asyncio.run(story())


def test_who_fails_while_away_comes_back_for_a_worker_too() -> None:
    async def story() -> None:
        works, busy = Works(1), asyncio.Event()

        class Fails(asyncio.Event):
            async def wait(self) -> Literal[True]:
                raise ValueError

        works.waits["red/fails"] = Fails()

        async def then(_: str) -> None:
            await busy.wait()

        works.then = then
        works.queue.add("red/fails", Lane.CHANGE)
        works.queue.add("blue/busy", Lane.CHANGE)
        async with works.running():
            await settle()
            assert works.ended in ([], ["red/fails failed"])  # whichever was handed the only worker first
            busy.set()
            await settle()
            assert sorted(works.ended) == ["blue/busy", "red/fails failed"]
            assert works.queue.working == 0

    asyncio.run(story())


def test_closing_waits_for_those_that_are_away_and_lets_them_come_back() -> None:
    async def story() -> None:
        works = Works(1)
        wait = works.waits["red/env"] = asyncio.Event()
        works.queue.add("red/env", Lane.CHANGE)
        async with works.running():
            await settle()
            closing = asyncio.create_task(works.queue.close())
            works.queue.add("blue/env", Lane.CHANGE)
            await settle()
            assert not closing.done()
            wait.set()
            await asyncio.wait_for(closing, 30)
            await settle()
            assert works.ended == ["red/env"]

    asyncio.run(story())


@pytest.mark.parametrize("when", ["away", "waiting for a worker"])
def test_an_attempt_that_ends_while_it_has_no_worker_leaves_nothing_behind(when: str) -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(str)
        gone = asyncio.Event()

        async def attempt(key: str) -> None:
            async def wait() -> None:
                async with attempts[key].away():
                    await (gone.wait() if when == "away" else asyncio.sleep(0))

            opening = asyncio.create_task(wait())
            await settle()
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)

        attempts = Attempts[str](queue)
        queue.add("a", Lane.CHANGE)
        async with asyncio.TaskGroup() as group:
            await attempts.carry_on(await queue.take(), group, attempt)
        assert (len(queue), queue.working) == (0, 0)
        queue.add("a", Lane.CHANGE)
        assert await asyncio.wait_for(queue.take(), 30) == "a"

    asyncio.run(story())
