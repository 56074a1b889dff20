"""Signs of life of watches: what a process can tell of its own standing still, and of the other side's silence.

The two are kept apart, because only the first is mended by a restart: a watch that is tried again and again while the
API server does not answer is alive.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Pulse:
    """Of one watch. By a clock that counts on, whatever becomes of the wall clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tried_at = self._heard_at = clock()

    def tried(self) -> None:
        """This process has done something for it: asked, or met a failure."""
        self._tried_at = self._clock()

    def heard(self) -> None:
        """The API server has answered or sent something."""
        self._tried_at = self._heard_at = self._clock()

    @property
    def idle(self) -> float:
        """Seconds since this process last did anything for it."""
        return self._clock() - self._tried_at

    @property
    def silence(self) -> float:
        """Seconds since the API server last sent anything."""
        return self._clock() - self._heard_at


class Pulses:
    """Of all watches, by the plural that is watched and where: a namespace, or anywhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pulses: dict[tuple[str, str], Pulse] = {}

    def of(self, plural: str, where: str = "") -> Pulse:
        """The pulse of a watch; from the first time it is asked for it is expected to beat."""
        return self._pulses.setdefault((plural, where), Pulse(self._clock))

    def silences(self) -> dict[str, float]:
        """How many seconds the API server has been silent, on the most silent watch of each plural."""
        found: dict[str, float] = {}
        for (plural, _), pulse in self._pulses.items():
            found[plural] = max(pulse.silence, found.get(plural, 0.0))
        return found

    def most_idle(self) -> tuple[str, float]:
        """The watch for which this process has done nothing for the longest time, and for how many seconds."""
        found = [(pulse.idle, plural) for (plural, _), pulse in self._pulses.items()]
        idle, plural = max(found, default=(0.0, ""))
        return plural, idle
