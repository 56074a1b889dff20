"""The leases of what was read: which there are, until when they last, and whether a renewal is worth it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.evaluation import Lease

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.providers.vault.api import Reply

WHOLE = 0.9
"""Vault cuts a renewal at the maximum TTL: one that grants less of the first term than this is the last."""


LONGEST = 10 * 365 * 24 * 3600
"""Seconds: a longer term is taken for this one."""


class SecretLease(NamedTuple):
    """One lease of Vault. `seconds` is the term that was granted first; the ID never shows in `repr`."""

    id: str
    seconds: int
    renewable: bool
    issued_at: datetime
    expires_at: datetime
    made_at: datetime

    def __repr__(self) -> str:
        return f"SecretLease(seconds={self.seconds}, expires_at={self.expires_at})"

    def renewed(self, seconds: int, now: datetime) -> SecretLease:
        return self._replace(issued_at=now, expires_at=now + timedelta(seconds=seconds))


def lease_of(reply: Reply, now: datetime) -> SecretLease | None:
    """The lease of something that was read at that time; None if it has none. A KV engine states a duration, after
    which to read again, without a lease."""
    match reply.content:
        case {"lease_id": str() as id_, "lease_duration": duration, "renewable": renewable} if id_ and (
            seconds := seconds_of(duration)
        ):
            return SecretLease(id_, seconds, renewable is True, now, now + timedelta(seconds=seconds), now)
    return None


def seconds_of(duration: object) -> int | None:
    """A duration in an answer; None if it is not one."""
    if isinstance(duration, bool) or not isinstance(duration, int) or duration < 0:
        return None
    return min(duration, LONGEST)


def is_whole_term(granted: int, seconds: int) -> bool:
    return granted >= WHOLE * seconds


def first_to_end(leases: Iterable[SecretLease]) -> Lease | None:
    """The lease of all of them together."""
    found = list(leases)
    if not found:
        return None
    first = min(found, key=lambda lease: lease.expires_at)
    made_at = min(lease.made_at for lease in found)
    return Lease(first.issued_at, first.expires_at, made_at if made_at < first.issued_at else None)
