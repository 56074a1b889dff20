"""What is done about an event loop that does not come to its work: its cause is told, and the process ended.

Owns two watchers, because the one that ends cannot speak. A thread (`Watchdog`) looks at which evaluation holds the
loop, or the thread for large work, or takes all memory, tells of it while it can, and leaves word on the Lease. The end
itself (`end_after`) comes from outside of Python, at a time that is put off again and again: a leader's last resort.

The kernel's timer ends a process that is too busy to look at the clock, or that was stopped (SIGSTOP, a frozen cgroup)
and goes on when another has taken over: the signal comes before any instruction of its own. It does not count the time
for which the whole machine slept; what is written after that is held back by whoever asks `Elector.holds` first.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import signal
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

import urllib3

from esc_operator.election import record as records
from esc_operator.kube.last_words import patch_at_once
from esc_operator.kube.paths import LEASES
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from esc_operator.handlers.loop_thread import LoopThread
    from esc_operator.kube.connection import Connection
    from esc_operator.reconciliation.controller.interruptions import Interruptions
    from esc_operator.reconciliation.controller.under_way import Definition, Stretch, UnderWay
    from esc_operator.resources.environment import Key

logger = logging.getLogger(__name__)


def end_after(seconds: float | None) -> None:
    """End this process so many seconds from now, instead of any other time set before; None: not at all."""
    if seconds is None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    # Not the default action, from which a container's first process is exempt; and no handler in Python, which would
    # wait until the interpreter gets to it. `_exit` takes the signal's number as the status.
    c = ctypes.CDLL(None)
    c.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    c.signal.restype = ctypes.c_void_p
    c.signal(signal.SIGALRM, ctypes.cast(c["_exit"], ctypes.c_void_p))
    # Zero would mean never.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))


LOOK_SECONDS = 0.25
NEARLY_ALL = 0.9
"""Of the memory that the process may have: the kernel ends one that takes more, without a word."""
MEMORY_USED = f"{NEARLY_ALL:.0%} of the operator's memory are used up"
NOT_MEANT = 0.2
"""Seconds. No evaluation is to hold the event loop for so long; one that does not is not to blame for the memory."""
BUSY_SECONDS = 0.25
"""Of the processor's time, several times what any evaluation may take at once. A process that was not given any holds
the loop, too, and its evaluation is not to blame; one that shares a busy machine gets a tenth of it."""


LONGEST_ASIDE = 60.0
"""Seconds. What a budget has room for is done in a small part of that; what has the thread for longer has met a fault
of the operator's own, and nothing ends a thread."""


class Watchdog:
    """Looks from a thread of its own at what holds the event loop, while somebody can still tell.

    `report` is told of an evaluation that has held the loop for `longest` seconds, the thread for large work for
    `LONGEST_ASIDE`, or either for a while with nearly all memory used up, once for each stretch of it. `memory` is the
    share that is used, `thread` that of the event loop.
    """

    def __init__(
        self,
        under_way: UnderWay,
        report: Callable[[Definition, str], None],
        *,
        longest: float,
        memory: Callable[[], float],
        thread: LoopThread,
    ) -> None:
        self._under_way = under_way
        self._report = report
        self._longest = longest
        self._memory = memory
        self._thread = thread
        self._seen: Stretch | None = None
        self._cpu_then = 0.0
        self._looks = 0
        self._has_run = False
        self._reported: Stretch | None = None
        self._reported_aside: Stretch | None = None

    def look(self) -> None:
        self._look_at_loop(self._under_way.stretch)
        self._look_aside(self._under_way.large)

    def _look_at_loop(self, stretch: Stretch | None) -> None:
        if stretch is not self._seen:
            self._seen, self._cpu_then, self._looks, self._has_run = stretch, self._thread.cpu(), 0, False
        self._looks += 1
        self._has_run |= not self._thread.asleep()
        if stretch is None or stretch is self._reported:
            return
        held = self._under_way.clock() - stretch.began
        if held >= self._longest and (self._is_busy() or self._is_blocked(held)):
            what = f"it has held up everything else for {held:.0f} s"
        elif self._takes_memory(held):
            what = MEMORY_USED
        else:
            return
        self._reported = stretch
        self._report(stretch.definition, what)

    def _is_busy(self) -> bool:
        return self._thread.cpu() - self._cpu_then >= BUSY_SECONDS

    def _is_blocked(self, held: float) -> bool:
        """Whether the loop's thread has slept all the time, and not the whole process: this thread came to look."""
        return not self._has_run and self._looks * LOOK_SECONDS >= held / 2

    def _look_aside(self, stretch: Stretch | None) -> None:
        if stretch is None or stretch is self._reported_aside:
            return
        held = self._under_way.clock() - stretch.began
        if held >= LONGEST_ASIDE:
            what = f"it has held up all other large environments for {held:.0f} s"
        elif self._takes_memory(held):
            what = MEMORY_USED
        else:
            return
        self._reported_aside = stretch
        self._report(stretch.definition, what)

    def _takes_memory(self, held: float) -> bool:
        return held >= NOT_MEANT and self._memory() >= NEARLY_ALL

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look while the block lasts."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(LOOK_SECONDS):
                self.look()

        thread = threading.Thread(target=run, name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(LOOK_SECONDS * 4)


def reporter(
    interruptions: Interruptions, lease: tuple[Connection, Key] | None, now: Callable[[], datetime], seconds: float
) -> Callable[[Definition, str], None]:
    """Tells of an evaluation what may be this process's last words, and leaves them on the Lease for the next leader,
    if there is one. `seconds`: the most that it waits for an answer."""

    def report(definition: Definition, what: str) -> None:
        logger.critical(
            "%s is being evaluated (generation %d), and %s. Should this process end now, it was for that.",
            definition.key.tell(),
            definition.generation,
            what,
            extra={"environment": str(definition.key), "reason": reasons.OPERATOR_INTERRUPTED},
        )
        record = interruptions.add(definition, what, now())
        if lease is None:
            return
        connection, place = lease
        try:
            status = patch_at_once(connection, LEASES.path(*place), records.note(record), seconds)
        except urllib3.exceptions.HTTPError as error:
            logger.error("The next leader will not know of it: %s", type(error).__name__)  # noqa: TRY400
        else:
            if status >= HTTPStatus.BAD_REQUEST:
                logger.error("The next leader will not know of it: the API server answers %d", status)

    return report
