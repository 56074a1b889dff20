"""The input of a plan, and until when the values of a Secret can be used. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.renewal.schedule import LONGEST_MARGIN, Window
from esc_operator.resources.conditions import READY, find_condition

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord


@dataclass(frozen=True, slots=True)
class Situation:
    """The input of a plan: the environment, its last status, its target Secret, and the time."""

    environment: EscEnvironment
    old: Status
    target: TargetSecret
    now: datetime

    @property
    def held(self) -> SyncRecord | None:
        """What the Secret was made from, if it was made for this environment object."""
        record = self.target.secret.record if self.target.secret else None
        return record if record and record.uid == self.environment.uid else None


def end_to_report(seen: Situation) -> datetime | None:
    """When the expiry of the held values has to be reported; None if they never expire, or Ready is False anyway."""
    held, ready = seen.held, find_condition(seen.old.conditions, READY)
    if held is None or held.expires_at is None or (ready and ready.status == "False"):
        return None
    return Window(held.issued_at, held.expires_at).usable_until


def may_end_at(status: Status) -> datetime | None:
    """The earliest time at which the expiry of the held values may have to be reported, by a status; None if never."""
    ready = find_condition(status.conditions, READY)
    if status.expires_at is None or (ready and ready.status == "False"):
        return None
    return status.expires_at - LONGEST_MARGIN


def end_of_use(seen: Situation) -> datetime | None:
    """When Ready becomes False by itself, with or without an attempt at that time: when the held values expire, if they
    have not yet."""
    held = seen.held
    alive = held is not None and not has_expired(held, seen.now)
    return Window(held.issued_at, held.expires_at).usable_until if held and held.expires_at and alive else None


def has_expired(held: SyncRecord, now: datetime) -> bool:
    return held.expires_at is not None and Window(held.issued_at, held.expires_at).usable_until <= now
