"""What another thread can see of the one that runs the event loop."""

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
    """`cpu`: the seconds of the processor's time that it has had. `asleep`: whether it waits for something else."""

    cpu: Callable[[], float]
    asleep: Callable[[], bool]


def this_thread() -> LoopThread:
    """The thread that asks, for others to look at."""
    return LoopThread(_clock(), sleep_of(Path(f"/proc/self/task/{threading.get_native_id()}/stat")))


def _clock() -> Callable[[], float]:
    """That of the whole process where there is no other."""
    find = getattr(time, "pthread_getcpuclockid", None)
    if find is None:
        return time.process_time
    clock = find(threading.get_ident())
    return lambda: time.clock_gettime(clock)


def sleep_of(stat: Path) -> Callable[[], bool]:
    """As the kernel tells it in that file; never where it does not."""

    def sleeps() -> bool:
        try:
            # The name before it, in brackets, may hold anything.
            return stat.read_text().rpartition(")")[2].split()[0] in {"S", "D"}
        except (OSError, IndexError):
            return False

    return sleeps
