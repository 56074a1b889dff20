"""Who does the work of an evaluation: the event loop what is small, a thread what is large.

The loop belongs to everybody. A slice of work is done on it, which is all that most environments take; what does not
fit into that is begun again in the one thread there is for large work, where the interpreter gives the loop its turn
every few milliseconds. Where the slice ends is told by the budget and not by a clock, and what comes of the work is the
same in either place.
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
"""Units of work that are done on the event loop in one go: some 12 ms."""

_LANE: Final = "evaluation"
_NEVER: Final = 1 << 30


class LargeWork:
    """The one thread for large work. One, since each more that computes makes the loop wait longer for its turn.
    Belongs to one event loop. `named` puts down, around work in the thread, whose it is."""

    def __init__(self, named: Callable[[Callable[[], Any]], Callable[[], Any]] = lambda work: work) -> None:
        self._named = named
        self._thread = BlockingPool(max_workers=1, per_lane=1)
        self._alive = 0
        self._thresholds = gc.get_threshold()

    async def run(self, work: Callable[[], T], units: int, tenant: str) -> T:
        """What the work returns or raises, done on the loop if it is small enough; else namespaces take turns."""
        if units <= SLICE:
            return work()
        with self.unsearched():
            found: T = await self._thread.run(self._named(work), lane=_LANE, tenant=tenant)
            return found

    @contextmanager
    def unsearched(self) -> Iterator[None]:
        """While large work is alive, old objects are not searched for cycles: each such search would go through the
        hundreds of thousands of objects that it has made, and hold the interpreter, and with it the loop, for a tenth
        of a second, again and again. What dies young is found as ever, and an evaluation leaves no cycles.
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
    """The work of one evaluation, for a namespace, one piece at a time. A context, which ends with the evaluation."""

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
        """For what may turn out to be large: see `LargeWork`."""
        return self._large.unsearched()

    async def run(self, work: Callable[[], T], worker: Worker | None = None) -> T:
        """What the work returns or raises. It is paid from the budget, and can be begun again where a slice ends. The
        worker is let go while large work is done, or waits for its turn."""
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
