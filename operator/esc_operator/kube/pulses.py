"""Signs of life of watches: whether this process is inactive, and whether the API server is silent.

The two are separate, because a restart helps only for the first: a watch that is retried while the API server does not
answer is alive.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Pulse:
    """The pulse of one watch, by a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tried_at = self._heard_at = clock()

    def tried(self) -> None:
        """This process was active: it sent a request, or handled a failure."""
        self._tried_at = self._clock()

    def heard(self) -> None:
        """The API server answered or sent something."""
        self._tried_at = self._heard_at = self._clock()

    @property
    def idle(self) -> float:
        """Seconds since this process was last active for it."""
        return self._clock() - self._tried_at

    @property
    def silence(self) -> float:
        """Seconds since the API server last sent anything."""
        return self._clock() - self._heard_at


class Pulses:
    """The pulses of all watches, by plural and namespace, or all namespaces."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pulses: dict[tuple[str, str], Pulse] = {}

    def of(self, plural: str, where: str = "") -> Pulse:
        """The pulse of a watch; from the first call on it is expected to beat."""
        return self._pulses.setdefault((plural, where), Pulse(self._clock))

    def forget(self, plural: str, where: str = "") -> None:
        """A watch has ended on purpose."""
        self._pulses.pop((plural, where), None)

    def silences(self) -> dict[str, float]:
        """Seconds since the API server last sent anything, for the most silent watch of each plural."""
        found: dict[str, float] = {}
        for (plural, _), pulse in self._pulses.items():
            found[plural] = max(pulse.silence, found.get(plural, 0.0))
        return found

    def most_idle(self) -> tuple[str, float]:
        """The watch for which this process was inactive for the longest time, and the seconds."""
        found = [(pulse.idle, plural) for (plural, _), pulse in self._pulses.items()]
        idle, plural = max(found, default=(0.0, ""))
        return plural, idle
