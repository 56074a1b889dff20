"""Waiting for the operator: it shows what it waits for when that changes, and does not wait in vain."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import EscError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.cli.outside import Outside

LOOK_SECONDS = 0.5
QUIET_SECONDS = 10.0
"""After this long without a sign of the operator, say so."""
ABSENT_SECONDS = 60.0
"""After this long there is no operator: another one takes over in less, and a provider answers in less."""
OUTAGE_SECONDS = 60.0
"""How long the API server may be unavailable while the command waits."""


class NotRotatedError(EscError):
    """Some environment has no new values; the message or earlier output says why."""

    default_reason = "NotRotated"


class Waiting(NamedTuple):
    """How to wait: `timeout` in seconds, None: while anything continues."""

    timeout: float | None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, look: Callable[[], str], what: str, say: Callable[[str], None] = lambda _: None) -> None:
        """Look until there is nothing to wait for. `look` returns what is waited for, or ""; `say` is called when that
        changes. Raises NotRotatedError after the timeout, and what `look` raises, except for short outages."""
        began, lost, told = self.clock(), None, ""
        while True:
            try:
                awaited, lost = look(), None
            except UnavailableError as error:
                lost = self.clock() if lost is None else lost
                if self.clock() - lost >= OUTAGE_SECONDS:
                    raise
                awaited = error.message
            if not awaited:
                return
            if awaited != told:
                told = awaited
                say(awaited)
            if self.timeout is not None and self.clock() - began >= self.timeout:
                raise NotRotatedError(
                    f"{what} has not finished after {self.timeout:g} s: {awaited}; it continues without this command"
                )
            self.sleep(LOOK_SECONDS)


class SignOfLife:
    """Whether an operator does anything about a request: `signs` is what would change if it did."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._signs: object = None

    def quiet_for(self, signs: object) -> float:
        """Seconds since the last sign, or since the request."""
        if self._signs is not None and signs != self._signs:
            self._since = self._clock()
        self._signs = signs
        return self._clock() - self._since


def make_waiting(timeout: float | None, outside: Outside) -> Waiting:
    return Waiting(timeout, outside.sleep, outside.clock)
