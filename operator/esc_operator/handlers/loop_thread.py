"""What another thread can observe of the thread that runs the event loop."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class LoopThread:
    """`cpu`: its seconds of CPU time. `asleep`: whether it waits for something else."""

    cpu: Callable[[], float]
    asleep: Callable[[], bool]


def this_thread() -> LoopThread:
    """The calling thread, for others to observe."""
    return LoopThread(_clock(), sleep_of(Path(f"/proc/self/task/{threading.get_native_id()}/stat")))


def _clock() -> Callable[[], float]:
    """The clock of the thread's CPU time, or of the whole process's if the system has no other."""
    find = getattr(time, "pthread_getcpuclockid", None)
    if find is None:
        return time.process_time
    clock = find(threading.get_ident())
    return lambda: time.clock_gettime(clock)


def sleep_of(stat: Path) -> Callable[[], bool]:
    """Whether the thread sleeps, by the kernel's file; always False if the file cannot be read."""

    def sleeps() -> bool:
        try:
            # The name before it, in brackets, may hold anything.
            return stat.read_text().rpartition(")")[2].split()[0] in {"S", "D"}
        except (OSError, IndexError):
            return False

    return sleeps
