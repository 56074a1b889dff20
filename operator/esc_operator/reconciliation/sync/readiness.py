"""The conditions Ready and Refreshed, and the events for changes of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.formats.times import format_time
from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.situation import Situation, has_expired
from esc_operator.resources import ROTATE_REQUESTED_AT, reasons
from esc_operator.resources.conditions import READY, REFRESHED, Condition, find_condition

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.reconciliation.sync.outcome import CheckedValues, OpenedValues, Refused
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord


def ready(seen: Situation, held: SyncRecord | None, refused: Refused | None) -> Condition:
    generation, name = seen.environment.generation, seen.environment.target.name
    if held and held.expires_at and has_expired(held, seen.now):
        message = describe_end(held.expires_at, seen.now)
        message += f" and could not be renewed: {refused.message}" if refused else ""
        return Condition(READY, "False", reasons.EXPIRED, message, generation)
    if refused and not (held and held.generation == generation):
        return Condition(READY, "False", refused.reason, refused.message + _time_left(held), generation)
    if refused and not seen.target.in_order:
        message = f'Secret "{name}" was changed by another writer and could not be restored: {refused.message}'
        return Condition(READY, "False", refused.reason, message, generation)
    message = f'Secret "{name}" holds the values of this environment'
    return Condition(READY, "True", reasons.SYNCED, message + (_time_left(held) if refused else ""), generation)


def refreshed(environment: EscEnvironment, refused: Refused | None) -> Condition:
    generation = environment.generation
    if refused:
        return Condition(REFRESHED, "False", refused.reason, refused.message, generation)
    return Condition(REFRESHED, "True", reasons.REFRESHED, "the last refresh succeeded", generation)


def trouble_event(old: Status, refused: Refused) -> Event | None:
    """An event if the problem is new; a repetition says no more than the status."""
    known = find_condition(old.conditions, REFRESHED)
    if known and known.status == "False" and known.reason == refused.reason:
        return None
    return Event("Warning", refused.reason, refused.message)


def recovery_event(old: Status) -> Event | None:
    known = find_condition(old.conditions, REFRESHED)
    if known and known.status == "False":
        attempts = f" after {old.failures} failed attempt{'' if old.failures == 1 else 's'}" if old.failures else ""
        return Event("Normal", reasons.REFRESHED, f"refreshed{attempts}")
    if is_expired(old):
        return Event("Normal", reasons.REFRESHED, "refreshed after the Secret had expired")
    return None


def nothing_renewed(seen: Situation, opened: CheckedValues | OpenedValues) -> Event | None:
    """An event for a user who has requested a rotation by annotation, if there was nothing to renew."""
    asked, before = seen.environment.rotate_request.annotation, seen.old.observed_rotate_request
    if not asked or asked == before or not seen.old.observed_generation or opened.logins or opened.states:
        return None
    return Event("Warning", reasons.NOTHING_RENEWED, NOTHING_RENEWED)


NOTHING_RENEWED = (
    f"the annotation {ROTATE_REQUESTED_AT} requests new credentials, and the environment opens no provider and has no "
    "rotator: its values are as before"
)


def is_expired(status: Status) -> bool:
    ready = find_condition(status.conditions, READY)
    return ready is not None and ready.reason == reasons.EXPIRED


def describe_end(expires_at: datetime, now: datetime) -> str:
    if now >= expires_at:
        return f"the values expired at {format_time(expires_at)}"
    return f"the values expire at {format_time(expires_at)}, so soon that they count as expired because clocks differ"


def _time_left(held: SyncRecord | None) -> str:
    """For a message about a problem: until when the held values can still be used."""
    return f"; the values in the Secret expire at {format_time(held.expires_at)}" if held and held.expires_at else ""
