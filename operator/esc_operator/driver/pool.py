"""Threads for the calls of blocking SDKs: bounded in all, and bounded for each provider.

A thread cannot be stopped. So a slot is given back when its call has really ended, not when its caller has given up:
a provider that hangs fills its own lane and nobody else's, and never piles up threads. The threads are daemons, so
that a call that hangs does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class BlockingPool:
    """At most `max_workers` calls at a time, and at most `per_lane` of one lane. Belongs to one event loop."""

    def __init__(self, max_workers: int = 64, per_lane: int = 32) -> None:
        self._slots = asyncio.Semaphore(max_workers)
        self._per_lane = per_lane
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._closed = False

    async def run(self, call: Callable[[], T], *, lane: str) -> T:
        """What the call returns or raises. Cancelling gives up waiting; the call itself runs to its end."""
        slots = self._lanes.setdefault(lane, asyncio.Semaphore(self._per_lane)), self._slots
        with contextlib.ExitStack() as on_failure:
            for slot in slots:
                await slot.acquire()
                on_failure.callback(slot.release)
            if self._closed:
                raise ProviderError("this process is shutting down", reason=reasons.SHUTTING_DOWN)
            running = _Running(call, slots)
            running.start(lane)
            on_failure.pop_all()
        return await running.outcome

    def close(self) -> None:
        """Start no more calls; those that run end by themselves or with the process."""
        self._closed = True


class _Running(Generic[T]):
    """One call on a thread of its own: starting one costs less than a hundredth of what an SDK's call does."""

    def __init__(self, call: Callable[[], T], slots: Iterable[asyncio.Semaphore]) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._slots = slots
        self.outcome: asyncio.Future[T] = self._loop.create_future()

    def start(self, name: str) -> None:
        threading.Thread(target=self._run, name=f"provider-{name}", daemon=True).start()

    def _run(self) -> None:
        settle = self._call_now()
        # The loop may have ended before the call did: then nobody waits for it.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, settle)

    def _call_now(self) -> Callable[[], None]:
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread as it is
            failure = RuntimeError("the call raised StopIteration") if isinstance(error, StopIteration) else error
            return lambda: self.outcome.set_exception(failure)
        return lambda: self.outcome.set_result(result)

    def _settle(self, settle: Callable[[], None]) -> None:
        for slot in self._slots:
            slot.release()
        if not self.outcome.done():
            settle()
