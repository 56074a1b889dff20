"""What a plan is made from, and until when what a Secret holds can be used. Pure."""

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
    """What a plan is made from: the environment, its last status, its target Secret, and the time."""

    environment: EscEnvironment
    old: Status
    target: TargetSecret
    now: datetime

    @property
    def held(self) -> SyncRecord | None:
        """What the Secret was made from, if it was made for this very environment."""
        record = self.target.secret.record if self.target.secret else None
        return record if record and record.uid == self.environment.uid else None


def end_to_report(seen: Situation) -> datetime | None:
    """When it has to be told that what is held is of no more use; None where it never is, or Ready is False anyhow."""
    held, ready = seen.held, find_condition(seen.old.conditions, READY)
    if held is None or held.expires_at is None or (ready and ready.status == "False"):
        return None
    return Window(held.issued_at, held.expires_at).usable_until


def may_end_at(status: Status) -> datetime | None:
    """The earliest time at which it may have to be told that what is held is of no more use, as far as a status tells;
    None where it never has."""
    ready = find_condition(status.conditions, READY)
    if status.expires_at is None or (ready and ready.status == "False"):
        return None
    return status.expires_at - LONGEST_MARGIN


def end_of_use(seen: Situation) -> datetime | None:
    """When Ready goes False by itself, whether or not an attempt falls on it: when what is held expires, if it has not
    yet."""
    held = seen.held
    alive = held is not None and not has_expired(held, seen.now)
    return Window(held.issued_at, held.expires_at).usable_until if held and held.expires_at and alive else None


def has_expired(held: SyncRecord, now: datetime) -> bool:
    return held.expires_at is not None and Window(held.issued_at, held.expires_at).usable_until <= now
