"""From the reads to the observation that `renewal` decides on. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.renewal.rotation_gap import next_turn
from esc_operator.renewal.schedule import Window
from esc_operator.renewal.why import Attempt, Held, Observation, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.imported import Imported
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord


def wanted_by(environment: EscEnvironment, status: Status, imports: Mapping[str, Imported]) -> Wanted:
    return Wanted(
        uid=environment.uid,
        generation=environment.generation,
        rotate_request=environment.rotate_request,
        before=environment.refresh.before,
        interval=environment.refresh.interval,
        imports=imports,
        rollout=status.rollout_time if environment.rollout.policy == "OnChange" else timedelta(0),
    )


def held_by(record: SyncRecord, read_at: datetime, opened_at: datetime | None, *, intact: bool) -> Held:
    """`read_at`: when inputs were last read, or since when this process knows of the Secret; `opened_at`: when this
    process last opened the environment. An opening that changed nothing leaves no trace on the Secret."""
    return Held(
        uid=record.uid,
        generation=record.generation,
        rotate_request=record.request,
        imports=record.imports,
        synced_at=opened_at or record.refreshed_at,
        read_at=read_at,
        window=Window(record.issued_at, record.expires_at) if record.expires_at else None,
        rereads=record.rereads,
        intact=intact,
    )


def failed_attempt(status: Status) -> Attempt | None:
    """The last attempt, if the status says that it failed; all other knowledge of it was lost with the process."""
    if not status.failures or status.last_failure_at is None:
        return None
    return Attempt(
        failures=status.failures,
        failed_at=status.last_failure_at,
        generation=status.observed_generation,
        rotate_request=status.observed_request,
        imports=status.imports or {},
    )


def hold_back(environment: EscEnvironment, status: Status, now: datetime) -> tuple[EscEnvironment, datetime | None]:
    """The environment without the rotation that its annotation requests too soon after others, and when that is due.
    The request of an EscRotation does not wait, and includes that of the annotation."""
    asked, seen = environment.rotate_request, status.observed_request
    is_first = not status.observed_generation
    if not asked.annotation or asked.annotation == seen.annotation or asked.rotation != seen.rotation or is_first:
        return environment, None
    due = next_turn(status.rotations_count_until, now)
    if now >= due:
        return environment, None
    return replace(environment, rotate_request=asked._replace(annotation=seen.annotation)), due


def refused_imports(key: Key, status: Status) -> Mapping[str, frozenset[str]]:
    """The imports that were refused to an environment at a failed attempt, as far as its status shows: those of other
    places that were not found. Whether another import had requested them was lost with the process; the next attempt
    finds that out."""
    missing = [name for name, used in (status.imports or {}).items() if "/" in name and not used.generation]
    return {name: frozenset({key.namespace}) for name in missing} if status.failures else {}


def observe(wanted: Wanted, target: TargetSecret, entry: CachedEnvironment) -> Observation:
    record, failed = target.secret.record if target.secret else None, entry.failed
    held = held_by(record, entry.read_at, entry.opened_at, intact=target.intact) if record else None
    if record and failed and _made_up_for(record, wanted.uid, failed):
        failed = None
    return Observation(wanted, held, failed)


def _made_up_for(record: SyncRecord, uid: str, failed: Attempt) -> bool:
    """Whether the Secret was filled after that failure. The status of that may have been lost."""
    if record.uid != uid:
        return False
    # Times are stored in whole seconds; within the same second, success came first: attempts are a second apart.
    return record.generation > failed.generation or record.refreshed_at > failed.failed_at
