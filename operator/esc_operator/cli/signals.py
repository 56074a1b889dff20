"""Signals for the command, not for this process.

While they are blocked none of them can end this process, so it always cleans up: they wait in the kernel until `wait`
returns them one by one.
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

NOT_PASSED_ON = {
    "SIGKILL": "it cannot be blocked",
    "SIGSTOP": "it cannot be blocked",
    "SIGCHLD": "it reports the command itself",
}
"""All others are forwarded, real-time signals too; each exception with its reason."""

_STOPPING = ("SIGTSTP", "SIGTTIN", "SIGTTOU")
"""They stop the command, and then this process, so that the shell sees its job stopped."""

_HARMLESS = ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO")
"""Signals whose default action does not end a process."""

_FROM_KEYBOARD = ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGINFO")
_FROM_TERMINAL = (*_FROM_KEYBOARD, "SIGHUP", "SIGCONT", "SIGTTIN", "SIGTTOU", "SIGWINCH")

LOOK_SECONDS = 1.0

# The siginfo code of a signal that the kernel itself sent, such as a terminal's Ctrl-C.
_SI_KERNEL = 0x80


def _numbers(names: tuple[str, ...]) -> frozenset[int]:
    """The numbers of those that this system has."""
    return frozenset(int(number) for name in names if (number := getattr(signal, name, None)) is not None)


_STOPS, _HARMLESS_NUMBERS = _numbers(_STOPPING), _numbers(_HARMLESS)
_KEYBOARD, _TERMINAL = _numbers(_FROM_KEYBOARD), _numbers(_FROM_TERMINAL)
# Python ignores these from its start on, so we cannot know whether our parent ignored them.
_IGNORED_BY_PYTHON = _numbers(("SIGPIPE", "SIGXFSZ"))


class Arrived(NamedTuple):
    """A signal. `everywhere`: the terminal has already sent it to all processes in its foreground."""

    number: int
    everywhere: bool

    @property
    def ends(self) -> bool:
        """Whether its default action ends a process."""
        return self.number not in _HARMLESS_NUMBERS | _STOPS

    @property
    def stops(self) -> bool:
        return self.number in _STOPS


class HeldSignals:
    """The blocked signals. `mask` is the signal mask from before, for the command."""

    def __init__(self, held: set[int], mask: set[int]) -> None:
        self._held = held
        self.mask = mask

    def wait(self) -> Arrived:
        """The next signal: one to forward, or SIGCHLD, which is also what a second without any counts as."""
        if hasattr(signal, "sigtimedwait"):
            # A thread of the opening that has yet to end does not block them, and may take a SIGCHLD in our place.
            info = signal.sigtimedwait(self._held, LOOK_SECONDS)
            if info is None:
                return Arrived(signal.SIGCHLD, everywhere=False)
            # Other signals of the kernel, such as an alarm that was set before our start, are for this process alone.
            return Arrived(info.si_signo, info.si_code == _SI_KERNEL and info.si_signo in _TERMINAL)
        # macOS does not say who sent it: assume the keyboard in the foreground of a terminal.
        number = signal.sigwait(self._held)
        return Arrived(number, number in _KEYBOARD and _in_foreground())

    def stop(self, number: int) -> None:
        """Stop by this signal, until SIGCONT."""
        # Not by SIGSTOP: the kernel ignores the others if no shell is left that could continue the job.
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})


def passed_on() -> set[int]:
    """The signals to forward: all that can be, except those that were ignored at the start."""
    excepted = _numbers(tuple(NOT_PASSED_ON))
    # What was ignored (nohup) stays ignored, by this process and by the command.
    return {
        int(number)
        for number in signal.valid_signals() - excepted
        if number in _IGNORED_BY_PYTHON or signal.getsignal(number) is not signal.SIG_IGN
    }


@contextmanager
def held_signals() -> Iterator[HeldSignals]:
    """Block the signals until the end of the block; those that are pending then take effect."""
    held = passed_on() | {int(signal.SIGCHLD)}
    # Without a handler, some systems discard these although they are blocked.
    before = {number: signal.signal(number, _let_it_wait) for number in held & _HARMLESS_NUMBERS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield HeldSignals(held, {int(number) for number in mask})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_it_wait(*_: object) -> None:
    """A handler that does nothing."""


def _in_foreground() -> bool:
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
