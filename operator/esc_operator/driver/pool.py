"""Threads for the calls of blocking SDKs: bounded in all, and bounded for each provider, by turns among namespaces.

A thread cannot be stopped. So a slot becomes free when its call has really ended, not when its caller has given up:
a provider that hangs fills only its own lane, a namespace whose calls hang leaves part of the lane to others, and
neither piles up threads. The threads are daemons, so that a call that hangs does not keep the process from ending.
Written here because `ThreadPoolExecutor` has one queue for all, and joins its threads at exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from esc_operator.driver.places import Places
from esc_operator.errors import ProviderError
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class BlockingPool:
    """At most `max_workers` calls at a time, and at most `per_lane` of one lane. Belongs to one event loop."""

    def __init__(self, max_workers: int = 64, per_lane: int = 32) -> None:
        self._slots = Places(max_workers)
        self._per_lane = per_lane
        self._lanes: dict[str, Places] = {}
        self._idle: list[_Thread] = []
        self._closed = False

    async def run(self, call: Callable[[], T], *, lane: str, tenant: str) -> T:
        """Run the call in a thread. Cancelling gives up waiting; the call itself runs to its end."""
        slots = self._lanes.setdefault(lane, Places(self._per_lane)), self._slots
        with contextlib.ExitStack() as on_failure:
            for slot in slots:
                await slot.enter(tenant)
                on_failure.callback(slot.leave, tenant)
            if self._closed:
                raise ProviderError("this process is shutting down", reason=reasons.SHUTTING_DOWN)
            thread = self._idle.pop() if self._idle else _Thread()
            running = _Running(call, partial(self._free, thread, slots, tenant))
            thread.carry_out(running, lane)
            on_failure.pop_all()
        return await running.outcome

    def close(self) -> None:
        """Start no more calls; running ones end by themselves or with the process."""
        self._closed = True
        while self._idle:
            self._idle.pop().end()

    def _free(self, thread: _Thread, slots: Iterable[Places], tenant: str) -> None:
        for slot in slots:
            slot.leave(tenant)
        if self._closed:
            thread.end()
        else:
            self._idle.append(thread)


class _Thread:
    """A thread that is reused for one call after the other. Starting a thread waits until it runs, and would block the
    event loop at each call, in competition with all running threads."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Running[Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=_carry_out_all, args=(self._calls,), daemon=True)
        self._thread.start()

    def carry_out(self, running: _Running[Any], lane: str) -> None:
        self._thread.name = f"provider-{lane}"
        self._calls.put(running)

    def end(self) -> None:
        self._calls.put(None)


def _carry_out_all(calls: SimpleQueue[_Running[Any] | None]) -> None:
    while _carry_out_next(calls):
        """Nothing of the call stays in this frame: it holds a token."""


def _carry_out_next(calls: SimpleQueue[_Running[Any] | None]) -> bool:
    running = calls.get()
    return running is not None and running.run()


class _Running(Generic[T]):
    """One call; `on_end` is called on the event loop once it has really ended."""

    def __init__(self, call: Callable[[], T], on_end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._on_end = on_end
        self.outcome: asyncio.Future[T] = self._loop.create_future()

    def run(self) -> bool:
        """False if the loop ended before the call: then the thread is not needed any more."""
        settle = self._call_now()
        try:
            self._loop.call_soon_threadsafe(self._settle, settle)
        except RuntimeError:
            return False
        return True

    def _call_now(self) -> Callable[[], None]:
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread as it is
            failure = RuntimeError("the call raised StopIteration") if isinstance(error, StopIteration) else error
            return lambda: self.outcome.set_exception(failure)
        return lambda: self.outcome.set_result(result)

    def _settle(self, settle: Callable[[], None]) -> None:
        self._on_end()
        if not self.outcome.done():
            settle()
