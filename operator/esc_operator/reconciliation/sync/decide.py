"""What the Secret and the status have to become. Pure: what is observed and what came of opening in, a plan out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import format_time
from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.gather import TargetSecret
from esc_operator.reconciliation.sync.observation import held_by, wanted_by
from esc_operator.reconciliation.sync.outcome import Opened, Refused
from esc_operator.reconciliation.sync.secret_body import make_record, secret_body
from esc_operator.renewal.rotation_gap import count_one_more
from esc_operator.renewal.schedule import LONGEST_MARGIN, Window, retry_at
from esc_operator.renewal.why import are_outdated, next_refresh
from esc_operator.resources import reasons
from esc_operator.resources.conditions import (
    READY,
    REFRESHED,
    Condition,
    carry_transition_times,
    find_condition,
)
from esc_operator.resources.environment import key_of
from esc_operator.resources.status import MAX_LOGINS, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.sync_record import SyncRecord

NO_SECRET = TargetSecret(None)

MAX_NAMES = 256
"""So many names of variables are told in a status; more would only make every object larger."""


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. `secret` is None where the Secret is right; `status` is written where it differs from the last.

    `wake_at` is when to look again by time.
    """

    status: Status
    wake_at: datetime | None
    secret: Mapping[str, Any] | None = field(default=None, repr=False)
    creates: bool = False
    event: Event | None = None


def refuse_target(environment: EscEnvironment, secret: SecretMetadata | None) -> Refused | None:
    """Why the environment must not touch a Secret; None where it is free or already its own."""
    if secret and secret.holds_states:
        return Refused(
            reasons.TARGET_CONFLICT,
            f"spec.target.name: Secret {secret.key} keeps the states of rotators of {_tell_owner(secret)}: choose "
            "another target name",
        )
    if secret is None or environment.uid in secret.owners:
        return None
    if secret.managed and secret.environment == environment.reference:
        return None
    where = f"spec.target.name: Secret {secret.key}"
    if secret.managed and secret.environment:
        return Refused(
            reasons.TARGET_CONFLICT,
            f"{where} is already filled by {_tell_owner(secret)}: choose another target name, or delete the Secret "
            "where that environment is gone and has left it behind (deletionPolicy: Retain)",
        )
    return Refused(
        reasons.SECRET_NOT_OWNED,
        f"{where} exists and is not managed by esc-operator, so it is left as it is: choose another target name, or "
        "delete the Secret",
    )


def _tell_owner(secret: SecretMetadata) -> str:
    """The environment that a Secret names as its own, for people."""
    owner = key_of(secret.environment, secret.key.namespace)
    return owner.tell() if not owner.namespace else f'EscEnvironment "{owner.name}"'


def was_refused_target(status: Status) -> bool:
    known = find_condition(status.conditions, REFRESHED)
    return known is not None and known.reason in {reasons.TARGET_CONFLICT, reasons.SECRET_NOT_OWNED}


def plan_opened(seen: Situation, opened: Opened, salt: str = "", lost: SyncRecord | None = None) -> Plan:
    """All values are there: the Secret is written where it differs, and everything is well.

    `salt` is for a new Secret, `lost` the record of the one that was there before it.
    """
    secret, held = seen.target.secret, seen.held
    record = next_record(seen, opened, salt, lost)
    unchanged = seen.target.intact and held is not None and says_the_same(held, record)
    if unchanged and held is not None:
        record = held
    held_then = held_by(record, seen.now, seen.now, intact=True)
    upcoming = next_refresh(wanted_by(seen.environment, seen.old, {}), held_then, seen.now)
    status = replace(
        _status(seen, record, None),
        secret_resource_version=secret.version if secret else "",
        variables=tuple(sorted(opened.data))[:MAX_NAMES],
        next_refresh_at=upcoming.replace(microsecond=0) if upcoming and record.expires_at else None,
        imports=opened.imports.used,
        logins=opened.logins,
        more_logins=len(opened.logins) > MAX_LOGINS,
        allowances=opened.allowances,
        rotator_states=opened.states,
    )
    return Plan(
        status=status,
        wake_at=upcoming,
        secret=None if unchanged else secret_body(seen.environment, secret, record, opened.data),
        creates=secret is None,
        event=_recovery(seen.old),
    )


def next_record(seen: Situation, opened: Opened, salt: str, lost: SyncRecord | None) -> SyncRecord:
    """The record of values that were just opened; see `plan_opened`."""
    held = seen.held
    record = make_record(seen.environment, opened, held or lost, seen.now, salt)
    if held is None and lost is None and _differs_from_before(seen, opened):
        now = seen.now.replace(microsecond=0)
        return replace(record, changed_at=now, replaced_expires_at=seen.old.expires_at)
    return record


def _differs_from_before(seen: Situation, opened: Opened) -> bool:
    """Whether pods may hold other data, of a Secret that is gone with its record. Only the status still tells of it:
    that its workloads were seen to be right, or were being rolled.

    Without an opening the same definitions give the same data; whatever is opened may have changed since.
    """
    old = seen.old
    if not (old.rolled_out_revision or old.rollout_digest or old.rollout_started_at):
        return False
    if old.secret_name not in {"", seen.environment.target.name}:
        return False  # it had another name, and those who take this one have not seen any other data
    is_static = opened.window is None and not opened.rereads
    imports, before = opened.imports.used, old.imports or {}
    same = before.keys() == imports.keys() and not are_outdated(before, imports)
    return not (is_static and same and old.observed_generation == seen.environment.generation)


def plan_refused(seen: Situation, refused: Refused) -> Plan:
    """No values: the Secret is kept as it is, and the status tells why and when it is tried again."""
    repeated = (seen.old.observed_generation, seen.old.observed_request) == (
        seen.environment.generation,
        seen.environment.rotate_request,
    )
    failures = seen.old.failures + 1 if repeated else 1
    due = _retry_due(seen, refused, failures) if refused.retryable else None
    status = replace(
        _status(seen, seen.held, refused),
        failures=failures,
        last_failure_at=seen.now.replace(microsecond=0),
        next_refresh_at=due.replace(microsecond=0) if due else None,
        imports=refused.imports.used,
    )
    return Plan(status=status, wake_at=_first(due, _end_of_use(seen)), event=_trouble(seen.old, refused))


def plan_waiting(seen: Situation, until: datetime | None, *, failing: bool) -> Plan:
    """Nothing is due. The status is made to tell what the Secret's own record says, in case a write of it was lost."""
    if failing:
        return _still_failing(seen, until)
    status = _status(seen, seen.held, None)
    if seen.held and seen.target.secret:
        keys = seen.target.keys
        status = replace(
            status,
            secret_resource_version=seen.target.secret.version,
            variables=keys[:MAX_NAMES] if keys is not None else seen.old.variables,
            imports=seen.held.imports,
            next_refresh_at=until.replace(microsecond=0) if until and seen.held.expires_at else None,
            # The Secret was filled, and the status that told of it was lost with what it said of logins.
            more_logins=seen.old.more_logins or seen.old.refreshed_at != seen.held.refreshed_at,
        )
    return Plan(status=status, wake_at=until)


def end_to_tell(seen: Situation) -> datetime | None:
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


def plan_overdue(seen: Situation, *, begun: bool = True) -> Plan:
    """An attempt is under way, or has yet to begin, and has not ended in time. Nothing else is known, so nothing else
    is told anew."""
    held = seen.held
    if held is None or held.expires_at is None or not _has_expired(held, seen.now):
        return Plan(seen.old, None)  # a clock has jumped
    trouble, event = find_condition(seen.old.conditions, REFRESHED), None
    message = _end_told(held.expires_at, seen.now)
    if trouble and trouble.status == "False":
        message += f" and could not be renewed: {trouble.message}"
    else:
        under_way, waiting = "is under way and has no answer yet", "has yet to begin, because others are ahead of it"
        message += f"; an attempt to renew them {under_way if begun else waiting}"
        # Of other trouble an event has told.
        event = None if _is_expired(seen.old) else Event("Warning", reasons.EXPIRED, message)
    ready = Condition(READY, "False", reasons.EXPIRED, message, seen.old.observed_generation)
    conditions = carry_transition_times((ready, *([trouble] if trouble else [])), seen.old.conditions, seen.now)
    return Plan(replace(seen.old, conditions=conditions), None, event=event)


def with_others(status: Status, old: Status) -> Status:
    """The status with the conditions of the last one of which it does not tell, such as of rollouts."""
    told = {condition.type for condition in status.conditions}
    others = (condition for condition in old.conditions if condition.type not in told)
    return replace(status, conditions=(*status.conditions, *others))


def plan_suspended(seen: Situation) -> Plan:
    """Nothing is refreshed; Ready goes False only once what the Secret holds has expired."""
    held, generation = seen.held, seen.environment.generation
    alive = held is not None and not _has_expired(held, seen.now)
    ready = Condition(READY, "True" if alive else "False", reasons.SUSPENDED, _why_suspended(seen), generation)
    status = replace(
        seen.old,
        conditions=carry_transition_times((ready,), seen.old.conditions, seen.now),
        observed_generation=generation,
        next_refresh_at=None,
    )
    if held is None:
        status = replace(status, secret_name=_former_name(seen), variables=(), expires_at=None)
    return Plan(status=status, wake_at=_end_of_use(seen))


def _why_suspended(seen: Situation) -> str:
    if seen.held is None:
        return "spec.suspend is true: no Secret is filled"
    if seen.held.expires_at and _has_expired(seen.held, seen.now):
        return f"spec.suspend is true: {_end_told(seen.held.expires_at, seen.now)} and are not renewed"
    return "spec.suspend is true: the Secret is kept as it is and not refreshed"


def says_the_same(held: SyncRecord, record: SyncRecord) -> bool:
    """Whether a Secret needs no write: only when its inputs were read differs."""
    return replace(held, refreshed_at=record.refreshed_at, issued_at=record.issued_at) == record


def _retry_due(seen: Situation, refused: Refused, failures: int) -> datetime:
    lifetime = seen.held.lifetime if seen.held else None
    due = retry_at(seen.now, failures, _end_of_use(seen), seen.environment.uid, lifetime)
    return max(due, seen.now + timedelta(seconds=refused.retry_after)) if refused.retry_after else due


def _still_failing(seen: Situation, until: datetime | None) -> Plan:
    """Between two attempts only what is held can change: it expires, or somebody edits or deletes it."""
    known = find_condition(seen.old.conditions, REFRESHED)
    trouble = Refused(known.reason, known.message) if known and known.status == "False" else None
    status = replace(
        _status(seen, seen.held, trouble),
        failures=seen.old.failures,
        last_failure_at=seen.old.last_failure_at,
        next_refresh_at=seen.old.next_refresh_at,
        imports=seen.old.imports,
    )
    return Plan(status=status, wake_at=_first(until, _end_of_use(seen)))


def _status(seen: Situation, held: SyncRecord | None, refused: Refused | None) -> Status:
    conditions = (_ready(seen, held, refused), _refreshed(seen.environment, refused))
    return Status(
        conditions=carry_transition_times(conditions, seen.old.conditions, seen.now),
        observed_generation=seen.environment.generation,
        observed_rotate_request=seen.environment.rotate_request.annotation,
        observed_rotation=seen.environment.rotate_request.rotation,
        secret_name=seen.environment.target.name if held else _former_name(seen),
        secret_resource_version=seen.old.secret_resource_version,
        variables=seen.old.variables if held else (),
        expires_at=held.expires_at if held else None,
        refreshed_at=held.refreshed_at if held else None,
        rolled_out_revision=seen.old.rolled_out_revision,
        rollout_started_at=seen.old.rollout_started_at,
        rollout_seconds=seen.old.rollout_seconds,
        rollout_digest=seen.old.rollout_digest,
        namespaces=seen.old.namespaces,
        seals=seen.old.seals,
        rotations_count_until=_rotations_counted(seen),
        logins=seen.old.logins,
        more_logins=seen.old.more_logins,
        allowances=seen.old.allowances,
        rotator_states=seen.old.rotator_states,
    )


def _rotations_counted(seen: Situation) -> datetime | None:
    """How long rotations by annotation count, with the one that has just been tried, however that went."""
    asked, before = seen.environment.rotate_request.annotation, seen.old.observed_rotate_request
    is_new = asked and asked != before and seen.old.observed_generation
    until = seen.old.rotations_count_until
    return count_one_more(until, seen.now) if is_new else until


def _former_name(seen: Situation) -> str:
    """The Secret of a former target name, while the present one could not be filled: it is deleted only then."""
    return seen.old.secret_name if seen.old.secret_name != seen.environment.target.name else ""


def _ready(seen: Situation, held: SyncRecord | None, refused: Refused | None) -> Condition:
    generation, name = seen.environment.generation, seen.environment.target.name
    if held and held.expires_at and _has_expired(held, seen.now):
        message = _end_told(held.expires_at, seen.now)
        message += f" and could not be renewed: {refused.message}" if refused else ""
        return Condition(READY, "False", reasons.EXPIRED, message, generation)
    if refused and not (held and held.generation == generation):
        return Condition(READY, "False", refused.reason, refused.message + _time_left(held), generation)
    if refused and not seen.target.intact:
        message = f'Secret "{name}" was changed by somebody else and could not be put back: {refused.message}'
        return Condition(READY, "False", refused.reason, message, generation)
    message = f'Secret "{name}" holds the values of this environment'
    return Condition(READY, "True", reasons.SYNCED, message + (_time_left(held) if refused else ""), generation)


def _time_left(held: SyncRecord | None) -> str:
    """For a message of trouble: until when what is there can still be used."""
    return f"; the values in the Secret expire at {format_time(held.expires_at)}" if held and held.expires_at else ""


def _refreshed(environment: EscEnvironment, refused: Refused | None) -> Condition:
    generation = environment.generation
    if refused:
        return Condition(REFRESHED, "False", refused.reason, refused.message, generation)
    return Condition(REFRESHED, "True", reasons.REFRESHED, "the last refresh succeeded", generation)


def _trouble(old: Status, refused: Refused) -> Event | None:
    """An event where the trouble is new; a repetition says nothing that the status does not."""
    known = find_condition(old.conditions, REFRESHED)
    if known and known.status == "False" and known.reason == refused.reason:
        return None
    return Event("Warning", refused.reason, refused.message)


def _recovery(old: Status) -> Event | None:
    known = find_condition(old.conditions, REFRESHED)
    if known and known.status == "False":
        attempts = f"{old.failures} failed attempt{'' if old.failures == 1 else 's'}"
        return Event("Normal", reasons.REFRESHED, f"refreshed after {attempts}")
    if _is_expired(old):
        return Event("Normal", reasons.REFRESHED, "refreshed after what the Secret held had expired")
    return None


def _is_expired(status: Status) -> bool:
    ready = find_condition(status.conditions, READY)
    return ready is not None and ready.reason == reasons.EXPIRED


def _has_expired(held: SyncRecord, now: datetime) -> bool:
    return held.expires_at is not None and Window(held.issued_at, held.expires_at).usable_until <= now


def _end_of_use(seen: Situation) -> datetime | None:
    """When Ready goes False by itself, whether or not an attempt falls on it: when what is held expires, if it has not
    yet."""
    held = seen.held
    alive = held is not None and not _has_expired(held, seen.now)
    return Window(held.issued_at, held.expires_at).usable_until if held and held.expires_at and alive else None


def _end_told(expires_at: datetime, now: datetime) -> str:
    if now >= expires_at:
        return f"the values expired at {format_time(expires_at)}"
    return f"the values are as good as expired (at {format_time(expires_at)}, which clocks may disagree about)"


def _first(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
