"""Signals that are meant for the command, not for us.

While they are held none of them can end this process, so nothing that has to be cleaned up is ever left behind: they
wait, in the kernel, until they are asked for one by one.
"""

# Importing pathlib takes longer than starting the command.
# ruff: noqa: PTH123
from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)

# What siginfo says of a signal that the kernel itself sent, such as a terminal's Ctrl-C.
_SI_KERNEL = 0x80


class Arrived(NamedTuple):
    """A signal. `everywhere` is true where the terminal has sent it to all processes in its foreground already."""

    number: int
    everywhere: bool


class HeldSignals:
    """The signals that wait. `mask` is the signal mask as it was before, for the command."""

    def __init__(self, held: set[int], mask: set[int]) -> None:
        self._held = held
        self.mask = mask

    def wait(self) -> Arrived:
        """The next signal: one to pass on, or SIGCHLD."""
        if hasattr(signal, "sigwaitinfo"):
            info = signal.sigwaitinfo(self._held)
            return Arrived(info.si_signo, info.si_code == _SI_KERNEL)
        # macOS does not say who sent it: in the foreground of a terminal it was the keyboard.
        number = signal.sigwait(self._held)
        return Arrived(number, number in _FROM_KEYBOARD and _in_foreground())


@contextmanager
def held_signals() -> Iterator[HeldSignals]:
    """Hold the signals until the end of the block; those that are still waiting then take effect."""
    # What was ignored when we were started (nohup) stays ignored, by us and by the command.
    held: set[int] = {number for number in _PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN}
    before_child = signal.signal(signal.SIGCHLD, _let_it_wait)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, held | {signal.SIGCHLD})
    try:
        yield HeldSignals(held | {signal.SIGCHLD}, {int(number) for number in mask})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, before_child)


def _let_it_wait(*_: object) -> None:
    """A handler that does nothing: without any, some systems throw SIGCHLD away although it is held."""


def _in_foreground() -> bool:
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
