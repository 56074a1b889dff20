"""Environments that fill no Secret: they are checked, and others import them. Their status is the only record of them.
Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.decide import Plan, count_rotation
from esc_operator.reconciliation.sync.observation import wanted_by
from esc_operator.reconciliation.sync.readiness import nothing_renewed, recovery_event, refreshed
from esc_operator.reconciliation.sync.warnings import evaluated_anew
from esc_operator.renewal.why import Held, next_refresh
from esc_operator.resources import reasons
from esc_operator.resources.conditions import READY, REFRESHED, Condition, carry_transition_times, find_condition
from esc_operator.resources.definition_source import PULUMI
from esc_operator.resources.status import NamespaceSummary, Status

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from esc_operator.reconciliation.sync.outcome import CheckedValues, OpenedValues
    from esc_operator.reconciliation.sync.situation import Situation
    from esc_operator.resources.environment import EscEnvironment


class Unfilled(NamedTuple):
    """Why an environment fills no Secret: the reason and the message of Ready, which is True."""

    reason: str
    message: str


NO_TARGET = Unfilled(reasons.NO_TARGET, "spec.target is not set: it fills no Secret, others import it")
NO_NAMESPACES = Unfilled(reasons.NO_NAMESPACES, "no namespace matches spec.target: no Secret is filled")
NO_VARIABLES = Unfilled(
    reasons.NO_VARIABLES,
    "it exports neither environmentVariables nor files: it fills no Secret, others import it",
)

EVERY_REASON = frozenset(one.reason for one in (NO_TARGET, NO_NAMESPACES, NO_VARIABLES))


def is_unfilled(status: Status, among: Collection[str] = EVERY_REASON) -> bool:
    """Whether it was found to fill no Secret, for one of those reasons, when it was last checked."""
    ready, checked = find_condition(status.conditions, READY), find_condition(status.conditions, REFRESHED)
    if ready is None or checked is None:
        return False
    return ready.status == checked.status == "True" and ready.reason in among


def held_by_status(environment: EscEnvironment, status: Status, read_at: datetime) -> Held:
    """What replaces the record of a Secret: the inputs of the last check."""
    return Held(
        uid=environment.uid,
        generation=status.observed_generation,
        rotate_request=status.observed_request,
        imports=status.imports or {},
        synced_at=read_at,
        read_at=read_at,
        window=None,
        # Nothing brings what changes in a service that holds a definition.
        rereads=any(login.provider == PULUMI for login in status.logins),
        intact=True,
    )


def plan_unfilled(seen: Situation, checked: CheckedValues | OpenedValues, why: Unfilled) -> Plan:
    """It was checked, or opened, and there is no Secret to fill."""
    event = _leaving_event(seen, why) or recovery_event(seen.old) or nothing_renewed(seen, checked)
    status = replace(
        _status(seen, why),
        imports=checked.imports.used,
        logins=checked.logins,
        rotator_states=checked.states,
        definition_origin=checked.origin,
        definition_revision=checked.revision,
        secret_versions=checked.secret_versions,
        warnings=evaluated_anew(seen.old.warnings, checked.warnings),
    )
    wanted, held = wanted_by(seen.environment, status, {}), held_by_status(seen.environment, status, seen.now)
    return Plan(status=status, wake_at=next_refresh(wanted, held, seen.now), event=event)


def plan_unfilled_waiting(seen: Situation, why: Unfilled, until: datetime | None = None) -> Plan:
    """Nothing has changed since it was checked, and nothing is due before `until`."""
    old = seen.old
    status = replace(
        _status(seen, why),
        imports=old.imports,
        logins=old.logins,
        rotator_states=old.rotator_states,
        definition_origin=old.definition_origin,
        definition_revision=old.definition_revision,
        secret_versions=old.secret_versions,
    )
    return Plan(status=status, wake_at=until)


def _status(seen: Situation, why: Unfilled) -> Status:
    environment, old = seen.environment, seen.old
    ready = Condition(READY, "True", why.reason, why.message, environment.generation)
    return Status(
        conditions=carry_transition_times((ready, refreshed(environment, None)), old.conditions, seen.now),
        observed_generation=environment.generation,
        observed_rotate_request=environment.rotate_request.annotation,
        observed_rotation=environment.rotate_request.rotation,
        rotations_count_until=count_rotation(seen),
        # Pods may still have the values of a Secret that is gone.
        rolled_out_revision=old.rolled_out_revision,
        rollout_seconds=old.rollout_seconds,
        namespaces=NamespaceSummary() if environment.spread else None,
        seals=old.seals,
        warnings=old.warnings,
    )


def _leaving_event(seen: Situation, why: Unfilled) -> Event | None:
    """The users of a Secret that is deleted have to know why."""
    if seen.held is None or why is not NO_VARIABLES:
        return None
    return Event("Warning", why.reason, f'{why.message}; Secret "{seen.environment.target.name}" is deleted')
