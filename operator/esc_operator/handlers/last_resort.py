"""Ends the process from outside of Python at a time that is put off again and again: a leader's last resort.

The kernel's timer ends a process that is too busy to look at the clock, or that was stopped (SIGSTOP, a frozen cgroup)
and goes on when another has taken over: the signal comes before any instruction of its own. It does not count the time
for which the whole machine slept; what is written after that is held back by whoever asks `Elector.holds` first.
"""

from __future__ import annotations

import ctypes
import signal


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
