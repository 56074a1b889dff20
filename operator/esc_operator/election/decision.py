"""Who holds the lease, as far as one process knows. Pure, on its own monotonic clock.

the holder sends a renewal ──┬───────────── 2/3 ──── 3/4 ───────── 1
                             │ renews each 1/6 │      │            │
                             │                 │      │            └ the others may take it, counted from when
                             │                 │      │              they saw the renewal, which was later
                             │                 │      └ the kernel ends a process that has not ended itself
                             │                 └ it ends itself
                             └ or later: another candidate sees it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esc_operator.election.record import LeaseRecord

LOOK_EVERY = 0.5
"""Seconds between two reads of a waiting candidate: how soon it notices a released lease."""


@dataclass(frozen=True, slots=True)
class Terms:
    """All times of an election, derived from one: the others wait for `duration` whole seconds after each renewal.

    One number, so that no inconsistent times can be configured. The quarter between `last_resort` and `duration` allows
    for clocks of different speed and for requests that are still in flight.
    """

    duration: int

    @property
    def deadline(self) -> float:
        """Seconds after sending its last successful renewal, when a holder exits."""
        return self.duration * 2 / 3

    @property
    def last_resort(self) -> float:
        """Seconds after that renewal, when the kernel ends a holder that could not exit: it was stopped or busy."""
        return self.duration * 3 / 4

    @property
    def renew_every(self) -> float:
        return self.duration / 6

    @property
    def patience(self) -> float:
        """The timeout of one request: a renewal that hangs leaves time for another one before the deadline."""
        return self.duration / 4

    @property
    def retry_after(self) -> float:
        return self.duration / 24


@dataclass(frozen=True, slots=True)
class LeaseView:
    """The lease as last seen; None if it does not exist. From `free_at` on it may be taken if it has not changed."""

    record: LeaseRecord | None
    free_at: float


def observe(before: LeaseView | None, record: LeaseRecord | None, now: float, identity: str) -> LeaseView:
    """Update with what was read; `now` is the time of the answer, and so not before the change that it shows."""
    if before is not None and _version(before.record) == _version(record):
        return before
    if before is not None and before.record and record and not record.is_renewal_of(before.record):
        return LeaseView(record, before.free_at)  # a change of the note alone is no renewal
    if record is None:
        # The holder of the deleted lease may not know of the deletion yet.
        gone = before.record if before else None
        return LeaseView(None, now + gone.duration if gone and gone.holder else now)
    # It has our own name if the answer to a claim was lost.
    is_free = record.holder in {"", identity}
    return LeaseView(record, now if is_free else now + record.duration)


def may_take(seen: LeaseView, now: float) -> bool:
    return now >= seen.free_at


def wait(seen: LeaseView, now: float) -> float:
    """Seconds until the next read, or until it may be taken."""
    return min(max(seen.free_at - now, 0.0), LOOK_EVERY)


def _version(record: LeaseRecord | None) -> str | None:
    return record.version if record else None
