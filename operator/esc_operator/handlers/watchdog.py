"""Handles an event loop that is blocked: it logs the cause and ends the process.

Owns two watchers, because the one that ends the process cannot log. A thread (`Watchdog`) finds the evaluation that
blocks the loop, or the thread for large work, or takes all memory, logs it while it can, and writes a note on the
Lease. The end itself (`end_after`) comes from the kernel, at a time that is postponed repeatedly: a leader's last
resort.

The kernel's timer ends a process that is too busy to read the clock, or that was stopped (SIGSTOP, a frozen cgroup) and
continues when another one has taken over: the signal comes before any of its own instructions. It does not count the
time for which the whole machine slept; checks of `Elector.holds` prevent writes after that.
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
    """End this process in this many seconds; replaces any earlier time. None: not at all."""
    if seconds is None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    # Not the default action, from which a container's first process is exempt; and not a handler in Python, which would
    # wait for the interpreter. `_exit` gets the signal's number as the status.
    c = ctypes.CDLL(None)
    c.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    c.signal.restype = ctypes.c_void_p
    c.signal(signal.SIGALRM, ctypes.cast(c["_exit"], ctypes.c_void_p))
    # Zero would mean never.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))


LOOK_SECONDS = 0.25
NEARLY_ALL = 0.9
"""A share of the memory limit: the kernel ends a process that exceeds it without a message."""
MEMORY_USED = f"{NEARLY_ALL:.0%} of the operator's memory is used"
NOT_MEANT = 0.2
"""Seconds. No evaluation should hold the event loop for this long; one that does not is not to blame for the memory."""
BUSY_SECONDS = 0.25
"""CPU time, several times what any evaluation may take at once. If the process got no CPU time, the loop is blocked
too, but the evaluation is not to blame; a process on a busy machine gets a tenth of it."""


LONGEST_ASIDE = 60.0
"""Seconds. Work within a budget takes a small part of that; work that holds the thread for longer has hit a bug of the
operator, and a thread cannot be ended."""


class Watchdog:
    """Observes from its own thread what holds the event loop.

    `report` is called once for an evaluation that has held the loop for `longest` seconds, the thread for large work
    for `LONGEST_ASIDE`, or either of them while nearly all memory is used. `memory` is the used share, `thread` that of
    the event loop."""

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
            what = f"it has blocked everything else for {held:.0f} s"
        elif self._takes_memory(held):
            what = MEMORY_USED
        else:
            return
        self._reported = stretch
        self._report(stretch.definition, what)

    def _is_busy(self) -> bool:
        return self._thread.cpu() - self._cpu_then >= BUSY_SECONDS

    def _is_blocked(self, held: float) -> bool:
        """Whether the loop's thread has slept all the time, and not the whole process: this thread did run."""
        return not self._has_run and self._looks * LOOK_SECONDS >= held / 2

    def _look_aside(self, stretch: Stretch | None) -> None:
        if stretch is None or stretch is self._reported_aside:
            return
        held = self._under_way.clock() - stretch.began
        if held >= LONGEST_ASIDE:
            what = f"it has blocked all other large environments for {held:.0f} s"
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
        """Observe during the block."""
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
    """Logs an evaluation that may end this process, and writes a note on the Lease, if there is one, for the next
    leader. `seconds`: the timeout of that write."""

    def report(definition: Definition, what: str) -> None:
        logger.critical(
            "%s is being evaluated (generation %d), and %s. If this process ends now, this is why.",
            definition.key.describe(),
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
            logger.error("The note for the next leader was not written: %s", type(error).__name__)  # noqa: TRY400
        else:
            if status >= HTTPStatus.BAD_REQUEST:
                logger.error("The note for the next leader was not written: the API server answered %d", status)

    return report
