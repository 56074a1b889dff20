"""A Secret that others change: whether it is restored now, and what is reported if it is not. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.sync.readiness import ready, refreshed
from esc_operator.reconciliation.sync.secret_body import secret_body
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL, reasons
from esc_operator.resources.conditions import carry_transition_times

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.situation import Situation
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.renewal.restorations import Restorations


def restored(seen: Situation) -> dict[str, Any] | None:
    """The Secret as it was written, if all values are still there and only something else was changed: then nothing has
    to be opened; None if not."""
    held, target = seen.held, seen.target
    if held is None or held.generation != seen.environment.generation:
        return None
    if target.difference is None or target.data is None:
        return None
    return secret_body(seen.environment, target.secret, held, target.data)


def describe_contest(target: TargetSecret) -> Refused:
    """Why a Secret is not in order."""
    difference = target.difference
    who = (difference and difference.describe_managers()) or "another writer, or a mutating webhook,"
    what = (difference and difference.describe()) or "its values"
    return Refused(
        reasons.SECRET_CONTESTED,
        f"{who} keeps changing it ({what}), so it is restored at growing intervals of up to a minute: stop that "
        f"writer, exclude Secrets with the label {MANAGED_BY_LABEL}={MANAGED_BY} from the webhook, or choose another "
        "spec.target.name",
    )


def describe_change(target: TargetSecret) -> str:
    """Who has changed a Secret that is restored, and which parts."""
    difference = target.difference
    who = (difference and difference.describe_managers()) or "another writer"
    what = (difference and difference.describe()) or "its values"
    return f"{who} had changed {what}"


def restored_event(target: TargetSecret, row: Restorations | None) -> Event | None:
    """The event for a Secret that was restored; a row has only one, for the first."""
    if row is not None and row.count > 1:
        return None
    return Event("Normal", reasons.SECRET_RESTORED, f"restored the Secret: {describe_change(target)}")


def report_trouble(seen: Situation, plan: Plan, trouble: Refused) -> Plan:
    """The plan with a problem of the Secret, although its values are there."""
    conditions = (ready(seen, seen.held, trouble), refreshed(seen.environment, trouble))
    carried = carry_transition_times(conditions, seen.old.conditions, seen.now)
    status = replace(plan.status, conditions=carried, secret_resource_version=seen.target.trusted_version)
    return replace(plan, status=status)


def report_contest(seen: Situation, plan: Plan, turn: datetime, *, reported: bool) -> Plan:
    """The plan for a Secret that is not in order and is not restored before `turn`. `reported`: there was an event."""
    trouble = describe_contest(seen.target)
    plan = report_trouble(seen, plan, trouble)
    event = plan.event if reported else Event("Warning", trouble.reason, trouble.message)
    wake_at = min(plan.wake_at, turn) if plan.wake_at else turn
    return replace(plan, wake_at=wake_at, event=event)
