"""Where the work of an evaluation is done: small work on the event loop, large work in a thread.

All environments share the loop. It does a slice of work, which is all that most environments need; work that exceeds
the slice starts again in the one thread for large work, where the interpreter gives the loop its turn every few
milliseconds. The budget, not a clock, decides where the slice ends, and the result is the same in either place.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.worker import OwnWorker
from esc_operator.lang.budget import SliceOverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from esc_operator.driver.worker import Worker
    from esc_operator.lang.budget import Budget

T = TypeVar("T")

SLICE: Final = 12_000
"""Units of work that the event loop does in one go: some 12 ms."""

_LANE: Final = "evaluation"
_NEVER: Final = 1 << 30


class LargeWork:
    """The one thread for large work. Only one, since each further thread makes the loop wait longer for its turn.
    Belongs to one event loop. `named` wraps work in the thread, and records whose it is."""

    def __init__(self, named: Callable[[Callable[[], Any]], Callable[[], Any]] = lambda work: work) -> None:
        self._named = named
        self._thread = BlockingPool(max_workers=1, per_lane=1)
        self._alive = 0
        self._thresholds = gc.get_threshold()

    async def run(self, work: Callable[[], T], units: int, tenant: str) -> T:
        """Do the work: on the loop if it is small enough; else in the thread, where namespaces take turns."""
        if units <= SLICE:
            return work()
        with self.unsearched():
            found: T = await self._thread.run(self._named(work), lane=_LANE, tenant=tenant)
            return found

    @contextmanager
    def unsearched(self) -> Iterator[None]:
        """While the objects of large work are alive, old objects are not searched for cycles: each such search would
        visit the hundreds of thousands of objects that the work has made, and hold the interpreter, and with it the
        loop, for a tenth of a second, repeatedly. Young objects are collected as usual, and an evaluation leaves no
        cycles.
        """
        if not self._alive:
            self._thresholds = gc.get_threshold()
            gc.set_threshold(*self._thresholds[:2], _NEVER)
        self._alive += 1
        try:
            yield
        finally:
            self._alive -= 1
            if not self._alive:
                gc.set_threshold(*self._thresholds)


class Slices:
    """The work of one evaluation, for a namespace, one piece at a time. A context that ends with the evaluation."""

    def __init__(self, budget: Budget, large: LargeWork, tenant: str) -> None:
        self._budget: Final = budget
        self._large: Final = large
        self._tenant: Final = tenant
        self._lock = asyncio.Lock()
        self._is_large = False
        self._at_end = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._at_end.close()

    def unsearched(self) -> AbstractContextManager[None]:
        """For work that may turn out to be large: see `LargeWork`."""
        return self._large.unsearched()

    async def run(self, work: Callable[[], T], worker: Worker | None = None) -> T:
        """Do the work. It is paid from the budget, and must be repeatable: it starts again if it exceeds a slice. The
        worker is released while large work runs, or waits for its turn."""
        async with self._lock:
            if not self._is_large and self._budget.spent <= SLICE:
                self._budget.begin_slice(SLICE)
                try:
                    return work()
                except SliceOverError:
                    pass
                finally:
                    self._budget.begin_slice()
            if not self._is_large:
                self._is_large = True
                self._at_end.enter_context(self._large.unsearched())
            async with (worker or OwnWorker()).away():
                return await self._large.run(work, SLICE + 1, self._tenant)
