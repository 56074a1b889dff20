"""The desired Secret and status. Pure: observations and the result of opening in, a plan out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.observation import held_by, wanted_by
from esc_operator.reconciliation.sync.outcome import OpenedValues, Refused
from esc_operator.reconciliation.sync.readiness import (
    describe_end,
    is_expired,
    nothing_renewed,
    ready,
    recovery_event,
    refreshed,
)
from esc_operator.reconciliation.sync.secret_body import make_record, secret_body
from esc_operator.reconciliation.sync.situation import Situation, end_of_use, has_expired
from esc_operator.reconciliation.sync.warnings import evaluated_anew
from esc_operator.renewal.rotation_gap import count_one_more
from esc_operator.renewal.why import are_outdated, next_refresh
from esc_operator.resources import reasons
from esc_operator.resources.conditions import READY, REFRESHED, Condition, carry_transition_times, find_condition
from esc_operator.resources.status import MAX_LOGINS, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.renewal.why import Held
    from esc_operator.resources.sync_record import SyncRecord

MAX_NAMES = 256
"""How many names of variables a status lists; more would only make every object larger."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. `secret` is None if the Secret is right; `status` is written if it differs from the last.

    `wake_at` is when to look again by time.
    """

    status: Status
    wake_at: datetime | None
    secret: Mapping[str, Any] | None = field(default=None, repr=False)
    creates: bool = False
    event: Event | None = None


def plan_opened(seen: Situation, opened: OpenedValues, salt: str = "", lost: SyncRecord | None = None) -> Plan:
    """All values are there: the Secret is written if it differs, and all conditions are good.

    `salt` is for a new Secret, `lost` the record of the one that was there before it.
    """
    secret, held = seen.target.secret, seen.held
    record = next_record(seen, opened, salt, lost)
    unchanged = seen.target.in_order and held is not None and says_the_same(held, record)
    if unchanged and held is not None:
        record = held
    held_then = held_by(record, seen.now, seen.now, intact=True)
    upcoming = next_refresh(wanted_by(seen.environment, seen.old, {}), held_then, seen.now)
    renewal = _next_renewal(seen, held_then)
    status = replace(
        status_of(seen, record, None),
        secret_resource_version=seen.target.trusted_version,
        variables=tuple(sorted(opened.data))[:MAX_NAMES],
        next_refresh_at=renewal.replace(microsecond=0) if renewal else None,
        imports=opened.imports.used,
        logins=opened.logins,
        more_logins=len(opened.logins) > MAX_LOGINS,
        allowances=opened.allowances,
        rotator_states=opened.states,
        definition_origin=opened.origin,
        definition_revision=opened.revision,
        secret_versions=opened.secret_versions,
        warnings=evaluated_anew(seen.old.warnings, opened.warnings),
    )
    return Plan(
        status=status,
        wake_at=upcoming,
        secret=None if unchanged else secret_body(seen.environment, secret, record, opened.data),
        creates=secret is None,
        event=recovery_event(seen.old) or nothing_renewed(seen, opened),
    )


def _next_renewal(seen: Situation, held: Held) -> datetime | None:
    """When values are renewed ahead of their expiry; None if they do not expire. Inputs that are read again at each
    interval do not count: a status that told when would be written at each reading."""
    return next_refresh(wanted_by(seen.environment, seen.old, {}), replace(held, rereads=False), seen.now)


def next_record(seen: Situation, opened: OpenedValues, salt: str, lost: SyncRecord | None) -> SyncRecord:
    """The record of values that were just opened; see `plan_opened`."""
    held = seen.held
    record = make_record(seen.environment, opened, held or lost, seen.now, salt)
    if held is None and lost is None and _differs_from_before(seen, opened):
        now = seen.now.replace(microsecond=0)
        return replace(record, changed_at=now, replaced_expires_at=seen.old.expires_at)
    return record


def _differs_from_before(seen: Situation, opened: OpenedValues) -> bool:
    """Whether pods may have other data, from a Secret that is gone with its record. Only the status still shows that
    Secret: its workloads were known to be right, or were being rolled.

    Without providers the same definitions give the same data; opened values may have changed since.
    """
    old = seen.old
    if not (old.rolled_out_revision or old.rollout_digest or old.rollout_started_at):
        return False
    if old.secret_name not in {"", seen.environment.target.name}:
        return False  # it had another name, and the pods that take this one have never had other data
    is_static = opened.window is None and not opened.rereads
    imports, before = opened.imports.used, old.imports or {}
    same = before.keys() == imports.keys() and not are_outdated(before, imports)
    return not (is_static and same and old.observed_generation == seen.environment.generation)


def plan_waiting(seen: Situation, until: datetime | None, *, failing: bool) -> Plan:
    """Nothing is due. The status repeats the Secret's own record, in case a write of the status was lost."""
    if failing:
        return _still_failing(seen, until)
    status = status_of(seen, seen.held, None)
    if seen.held and seen.target.secret:
        keys = seen.target.keys
        renewal = _next_renewal(seen, held_by(seen.held, seen.now, None, intact=True)) if until else None
        status = replace(
            status,
            secret_resource_version=seen.target.trusted_version,
            variables=keys[:MAX_NAMES] if keys is not None else seen.old.variables,
            imports=seen.held.imports,
            next_refresh_at=max(until, renewal).replace(microsecond=0) if until and renewal else None,
            # The Secret was filled, and the status after that, with its logins, was lost.
            more_logins=seen.old.more_logins or seen.old.refreshed_at != seen.held.refreshed_at,
        )
    return Plan(status=status, wake_at=until)


def plan_overdue(seen: Situation, *, begun: bool = True) -> Plan:
    """An attempt is running, or has yet to start, and has not ended in time. Nothing else is known, so nothing else
    changes."""
    held = seen.held
    if held is None or held.expires_at is None or not has_expired(held, seen.now):
        return Plan(seen.old, None)  # a clock has jumped
    trouble, event = find_condition(seen.old.conditions, REFRESHED), None
    message = describe_end(held.expires_at, seen.now)
    if trouble and trouble.status == "False":
        message += f" and could not be renewed: {trouble.message}"
    else:
        under_way, waiting = "is running and has no answer yet", "has not started, because others are ahead of it"
        message += f"; an attempt to renew them {under_way if begun else waiting}"
        # Another problem has had its event.
        event = None if is_expired(seen.old) else Event("Warning", reasons.EXPIRED, message)
    ready = Condition(READY, "False", reasons.EXPIRED, message, seen.old.observed_generation)
    conditions = carry_transition_times((ready, *([trouble] if trouble else [])), seen.old.conditions, seen.now)
    return Plan(replace(seen.old, conditions=conditions), None, event=event)


def with_others(status: Status, old: Status) -> Status:
    """The status with those conditions of the last one that it lacks, such as that of rollouts."""
    told = {condition.type for condition in status.conditions}
    others = (condition for condition in old.conditions if condition.type not in told)
    return replace(status, conditions=(*status.conditions, *others))


def plan_suspended(seen: Situation) -> Plan:
    """Nothing is refreshed; Ready goes False only once what the Secret holds has expired."""
    held, generation = seen.held, seen.environment.generation
    alive = held is not None and not has_expired(held, seen.now)
    ready = Condition(READY, "True" if alive else "False", reasons.SUSPENDED, _why_suspended(seen), generation)
    status = replace(
        seen.old,
        conditions=carry_transition_times((ready,), seen.old.conditions, seen.now),
        observed_generation=generation,
        next_refresh_at=None,
    )
    if held is None:
        status = replace(status, secret_name=_former_name(seen), variables=(), expires_at=None)
    return Plan(status=status, wake_at=end_of_use(seen))


def _why_suspended(seen: Situation) -> str:
    if seen.held is None:
        return "spec.suspend is true: no Secret is filled"
    if seen.held.expires_at and has_expired(seen.held, seen.now):
        return f"spec.suspend is true: {describe_end(seen.held.expires_at, seen.now)} and are not renewed"
    return "spec.suspend is true: the Secret stays as it is and is not refreshed"


def says_the_same(held: SyncRecord, record: SyncRecord) -> bool:
    """Whether a Secret needs no write: only when its inputs were read differs."""
    return replace(held, refreshed_at=record.refreshed_at, issued_at=record.issued_at) == record


def _still_failing(seen: Situation, until: datetime | None) -> Plan:
    """Between two attempts only the held values can change: they expire, or another writer edits or deletes them."""
    known = find_condition(seen.old.conditions, REFRESHED)
    trouble = Refused(known.reason, known.message) if known and known.status == "False" else None
    status = replace(
        status_of(seen, seen.held, trouble),
        failures=seen.old.failures,
        last_failure_at=seen.old.last_failure_at,
        next_refresh_at=seen.old.next_refresh_at,
        imports=seen.old.imports,
    )
    return Plan(status=status, wake_at=first_of(until, end_of_use(seen)))


def status_of(seen: Situation, held: SyncRecord | None, refused: Refused | None) -> Status:
    """The parts of a status that every result of an attempt has."""
    conditions = (ready(seen, held, refused), refreshed(seen.environment, refused))
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
        rotations_count_until=count_rotation(seen),
        logins=seen.old.logins,
        more_logins=seen.old.more_logins,
        allowances=seen.old.allowances,
        rotator_states=seen.old.rotator_states,
        definition_origin=seen.old.definition_origin if held else "",
        definition_revision=seen.old.definition_revision if held else "",
        secret_versions=seen.old.secret_versions if held else (),
        warnings=seen.old.warnings,
    )


def count_rotation(seen: Situation) -> datetime | None:
    """How long rotations by annotation count, including the one that was just attempted, with any result."""
    asked, before = seen.environment.rotate_request.annotation, seen.old.observed_rotate_request
    is_new = asked and asked != before and seen.old.observed_generation
    until = seen.old.rotations_count_until
    return count_one_more(until, seen.now) if is_new else until


def _former_name(seen: Situation) -> str:
    """The Secret of a former target name, while the current one could not be filled: only after that it is deleted."""
    return seen.old.secret_name if seen.old.secret_name != seen.environment.target.name else ""


def first_of(*times: datetime | None) -> datetime | None:
    """The earliest of some times; None if there is none."""
    return min((time for time in times if time is not None), default=None)
