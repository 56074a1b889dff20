"""Whose the lease is, as far as one process can tell: pure, on its own clock of elapsed time.

the holder sends a renewal ──┬───────────── 2/3 ──── 3/4 ───────── 1
                             │ renews each 1/6 │      │            │
                             │                 │      │            └ the others may take it, counted from when
                             │                 │      │              they saw the renewal, which was later
                             │                 │      └ the kernel ends a process that has not ended itself
                             │                 └ it ends itself
                             └ or later: somebody else sees it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esc_operator.election.record import LeaseRecord

LOOK_EVERY = 0.5
"""Seconds between two looks of one that waits: so soon it notices a lease that was released."""


@dataclass(frozen=True, slots=True)
class Terms:
    """All times of an election, from one: for `duration` whole seconds after each renewal the others keep away.

    One number, so that nobody can choose times that do not fit together. Between `last_resort` and `duration` a quarter
    is left for clocks that run at different speeds and for requests that are still on their way.
    """

    duration: int

    @property
    def deadline(self) -> float:
        """So long after it sent its last renewal that came through, a holder ends itself."""
        return self.duration * 2 / 3

    @property
    def last_resort(self) -> float:
        """So long after that it is ended if it could not do so, because it was stopped or busy."""
        return self.duration * 3 / 4

    @property
    def renew_every(self) -> float:
        return self.duration / 6

    @property
    def patience(self) -> float:
        """For one request: a renewal that hangs leaves time for another before the deadline."""
        return self.duration / 4

    @property
    def retry_after(self) -> float:
        return self.duration / 24


@dataclass(frozen=True, slots=True)
class Seen:
    """The lease as it was seen last; None where there is none. From `free_at` on it may be taken if it is still so."""

    record: LeaseRecord | None
    free_at: float


def observe(before: Seen | None, record: LeaseRecord | None, now: float, identity: str) -> Seen:
    """Take in what was read; `now` is when the answer came, and so no earlier than whatever it tells of."""
    if before is not None and _version(before.record) == _version(record):
        return before
    if before is not None and before.record and record and not record.is_renewal_of(before.record):
        return Seen(record, before.free_at)  # a note beside it keeps nobody away
    if record is None:
        # Whoever held the one that was deleted may not know of that yet.
        gone = before.record if before else None
        return Seen(None, now + gone.duration if gone and gone.holder else now)
    # Our own name is in it if the answer to a claim was lost.
    is_free = record.holder in {"", identity}
    return Seen(record, now if is_free else now + record.duration)


def may_take(seen: Seen, now: float) -> bool:
    return now >= seen.free_at


def wait(seen: Seen, now: float) -> float:
    """Seconds until it is time to look, or to take it."""
    return min(max(seen.free_at - now, 0.0), LOOK_EVERY)


def _version(record: LeaseRecord | None) -> str | None:
    return record.version if record else None
