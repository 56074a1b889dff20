"""What is large is not done on the event loop, and comes to the same."""

from __future__ import annotations

import asyncio
import gc
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from esc_operator.driver.slices import SLICE, LargeWork, Slices
from esc_operator.driver.worker import OwnWorker
from esc_operator.lang.budget import Budget

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


def where(budget: Budget, *charges: int) -> str:
    """The thread in which so much work is done."""
    paid = budget.spent
    try:
        for units in charges:
            budget.charge(units, "testing")
    except BaseException:
        budget.spent = paid
        raise
    return threading.current_thread().name


def test_small_work_is_done_on_the_loop_and_large_work_in_a_thread() -> None:
    async def run() -> list[str]:
        budget = Budget()
        slices = Slices(budget, LargeWork(), "red")
        done = [await slices.run(partial(where, budget, units)) for units in (SLICE, 1, 1)]
        budget = Budget()
        done.append(await Slices(budget, LargeWork(), "red").run(lambda: where(budget, SLICE, 1)))
        return done

    loop = threading.main_thread().name
    assert [name == loop for name in asyncio.run(run())] == [True, True, False, False]


def test_what_was_large_once_is_not_begun_on_the_loop_again() -> None:
    async def run() -> int:
        budget = Budget()
        slices = Slices(budget, LargeWork(), "red")
        begun = 0

        def work() -> str:
            nonlocal begun
            begun += 1
            return where(budget, SLICE + 1)

        await slices.run(work)
        await slices.run(work)
        return begun

    assert asyncio.run(run()) == 3


def test_a_worker_is_let_go_while_large_work_is_done_and_not_for_small_work() -> None:
    class Counting(OwnWorker):
        times = 0

        def away(self) -> AbstractAsyncContextManager[None]:
            self.times += 1
            return super().away()

    async def times(*units: int) -> int:
        budget, worker = Budget(), Counting()
        await Slices(budget, LargeWork(), "red").run(partial(where, budget, *units), worker)
        return worker.times

    assert asyncio.run(times(SLICE)) == 0
    assert asyncio.run(times(SLICE, 1)) == 1


def test_the_pieces_of_one_evaluation_never_run_at_the_same_time() -> None:
    async def run() -> int:
        budget = Budget()
        slices = Slices(budget, LargeWork(), "red")
        busy = most = 0

        def work() -> None:
            nonlocal busy, most
            budget.charge(SLICE // 2 + 1, "testing")
            busy += 1
            most = max(most, busy)
            busy -= 1

        await asyncio.gather(*(slices.run(work) for _ in range(20)))
        return most

    assert asyncio.run(run()) == 1


def test_the_loop_goes_on_while_large_work_is_done() -> None:
    async def run() -> None:
        goes_on = threading.Event()
        large = asyncio.create_task(LargeWork().run(lambda: goes_on.wait(10), SLICE + 1, "red"))
        await asyncio.sleep(0)
        goes_on.set()
        assert await large

    asyncio.run(run())


def test_old_objects_are_not_searched_for_cycles_while_large_work_is_alive() -> None:
    async def run() -> None:
        usual = gc.get_threshold()
        large = LargeWork()
        assert await large.run(gc.get_threshold, SLICE, "red") == usual
        during = await large.run(gc.get_threshold, SLICE + 1, "red")
        assert during[0] < 100_000
        assert during[2] > 1_000_000
        assert gc.get_threshold() == usual
        budget = Budget()
        with Slices(budget, large, "red") as slices:
            await slices.run(lambda: where(budget, SLICE + 1))
            with pytest.raises(ZeroDivisionError):
                await large.run(lambda: 1 / 0, SLICE + 1, "red")
            assert gc.get_threshold() == during
        assert gc.get_threshold() == usual

    asyncio.run(run())
