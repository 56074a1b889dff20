"""Running attempts: each is a task of its own, which workers run a stretch at a time.

Owns the handover of workers: an attempt that waits for a provider, for the imports that it reads or for the thread for
large work releases its worker, and continues when the queue gives it to another one. So no attempt holds a worker while
it waits.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from esc_operator.reconciliation.workqueue.work_queue import WorkQueue

K = TypeVar("K")


class Attempt(Generic[K]):
    """The attempt on one key that was taken from the queue."""

    def __init__(self, queue: WorkQueue[K], key: K) -> None:
        self._queue = queue
        self._key = key
        self._let_go = asyncio.Event()
        self._resumed: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Release the worker while the attempt waits, one wait at a time. A cancelled attempt needs no worker any
        more."""
        self._let_go.set()
        self._queue.away(self._key)
        try:
            yield
        except Exception:
            await self._come_back()
            raise
        await self._come_back()

    async def _come_back(self) -> None:
        self._resumed = asyncio.get_running_loop().create_future()
        self._queue.back(self._key)
        await self._resumed

    async def carry_on(self) -> None:
        """A worker's part: it ends when the attempt releases the worker."""
        self._let_go.clear()
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        await self._let_go.wait()

    def end(self) -> None:
        """Work on the key is over."""
        self._queue.done(self._key)
        self._let_go.set()


class Attempts(Generic[K]):
    """The running attempts."""

    def __init__(self, queue: WorkQueue[K]) -> None:
        self._queue = queue
        self._under_way: dict[K, Attempt[K]] = {}

    def __getitem__(self, key: K) -> Attempt[K]:
        """The attempt on a key that is worked on."""
        return self._under_way[key]

    async def carry_on(self, key: K, group: asyncio.TaskGroup, work: Callable[[K], Coroutine[Any, Any, None]]) -> None:
        """Start or continue the attempt on a key that was just taken, until it releases the worker. The attempt is a
        task of the group; `work` does the work on the key."""
        attempt = self._under_way.get(key)
        if attempt is None:
            attempt = self._under_way[key] = Attempt(self._queue, key)
            group.create_task(self._run(attempt, key, work), name=f"attempt-{key}")
        await attempt.carry_on()

    async def _run(self, attempt: Attempt[K], key: K, work: Callable[[K], Coroutine[Any, Any, None]]) -> None:
        try:
            await work(key)
        finally:
            del self._under_way[key]
            attempt.end()
