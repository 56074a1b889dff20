"""Blocking calls: bounded, apart from each other, and never in the way of the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from typing import Any

import pytest

from esc_operator.driver.pool import BlockingPool
from esc_operator.errors import ProviderError


def test_a_call_runs_on_another_thread_and_answers() -> None:
    async def scenario() -> int:
        return await BlockingPool().run(threading.get_ident, lane="a", tenant="a")

    assert asyncio.run(scenario()) != threading.get_ident()


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3)])
def test_what_a_call_raises_reaches_its_caller(error: BaseException) -> None:
    def fail() -> None:
        raise error

    async def scenario() -> None:
        with pytest.raises(type(error)):
            await BlockingPool().run(fail, lane="a", tenant="a")

    asyncio.run(scenario())


def test_stop_iteration_does_not_leave_the_caller_waiting() -> None:
    async def scenario() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await BlockingPool().run(iter(()).__next__, lane="a", tenant="a")

    asyncio.run(scenario())


def test_no_more_calls_run_than_there_are_workers() -> None:
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()
    turn = threading.Barrier(2)

    def call() -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        turn.wait(5)
        with lock:
            running.pop()

    async def scenario() -> None:
        pool = BlockingPool(max_workers=2, per_lane=2)
        await asyncio.gather(*(pool.run(call, lane=f"lane-{number}", tenant="apps") for number in range(6)))

    asyncio.run(scenario())
    assert max(most) == 2


def test_a_hung_lane_stays_full_after_its_callers_gave_up_and_others_go_on() -> None:
    release = threading.Event()
    started: list[int] = []

    def hang() -> None:
        started.append(1)
        release.wait(10)

    async def give_up(pool: BlockingPool) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pool.run(hang, lane="hung", tenant="apps")

    async def scenario() -> None:
        pool = BlockingPool(max_workers=4, per_lane=2)
        for _ in range(5):
            await give_up(pool)
        assert len(started) == 2
        assert await pool.run(lambda: "well", lane="other", tenant="apps") == "well"
        release.set()
        assert await pool.run(lambda: "again", lane="hung", tenant="apps") == "again"

    asyncio.run(scenario())


def test_a_cancelled_wait_for_a_slot_takes_none() -> None:
    release = threading.Event()

    async def scenario() -> None:
        pool = BlockingPool(max_workers=1, per_lane=1)
        first = asyncio.create_task(pool.run(lambda: release.wait(10), lane="a", tenant="a"))
        waiting = [asyncio.create_task(pool.run(lambda: 1, lane=lane, tenant="apps")) for lane in ("a", "b")]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        release.set()
        await first
        assert await pool.run(lambda: "free", lane="b", tenant="apps") == "free"

    asyncio.run(scenario())


def test_a_thread_that_cannot_start_gives_its_slot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        pool = BlockingPool(max_workers=1, per_lane=1)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", _refuse)
            with pytest.raises(RuntimeError):
                await pool.run(lambda: 1, lane="a", tenant="a")
        assert await pool.run(lambda: 2, lane="a", tenant="a") == 2

    asyncio.run(scenario())


def test_threads_are_used_again_and_never_more_than_are_needed() -> None:
    async def scenario() -> set[int]:
        pool = BlockingPool()
        found = {await pool.run(threading.get_ident, lane=f"lane-{number % 3}", tenant="apps") for number in range(20)}
        for _ in range(5):
            found |= set(await asyncio.gather(*(pool.run(threading.get_ident, lane="a", tenant="a") for _ in range(3))))
        pool.close()
        return found

    assert len(asyncio.run(scenario())) <= 3


def test_the_threads_of_a_closed_pool_end() -> None:
    async def scenario() -> list[threading.Thread]:
        pool = BlockingPool()
        release = threading.Event()
        idle = await pool.run(threading.current_thread, lane="a", tenant="a")
        busy = asyncio.create_task(
            pool.run(lambda: release.wait(10) and threading.current_thread(), lane="a", tenant="a")
        )
        other = await pool.run(threading.current_thread, lane="b", tenant="apps")
        pool.close()
        release.set()
        late = await busy
        assert isinstance(late, threading.Thread)
        await asyncio.sleep(0)
        return [idle, other, late]

    for thread in asyncio.run(scenario()):
        thread.join(5)
        assert not thread.is_alive()


def test_a_thread_that_waits_keeps_nothing_of_the_call_before() -> None:
    class Token:
        """Something that must not stay."""

    async def scenario() -> weakref.ref[Token]:
        pool, token = BlockingPool(), Token()
        await pool.run(lambda: repr(token), lane="a", tenant="a")
        return weakref.ref(token)

    seen = asyncio.run(scenario())
    for _ in range(100):
        gc.collect()
        if seen() is None:
            break
        time.sleep(0.01)
    assert seen() is None


def test_a_closed_pool_starts_nothing() -> None:
    async def scenario() -> None:
        pool = BlockingPool()
        pool.close()
        with pytest.raises(ProviderError) as caught:
            await pool.run(lambda: 1, lane="a", tenant="a")
        assert caught.value.reason == "ShuttingDown"

    asyncio.run(scenario())


def test_a_call_that_outlives_the_loop_ends_quietly() -> None:
    release = threading.Event()

    async def scenario() -> list[threading.Thread]:
        task = asyncio.create_task(BlockingPool().run(lambda: release.wait(5), lane="late", tenant="apps"))
        await asyncio.sleep(0)
        task.cancel()
        return [thread for thread in threading.enumerate() if thread.name == "provider-late"]

    (survivor,) = asyncio.run(scenario())
    assert survivor.daemon
    release.set()
    survivor.join(5)
    assert not survivor.is_alive()


def _refuse(*_: Any) -> None:
    raise RuntimeError("can't start new thread")
