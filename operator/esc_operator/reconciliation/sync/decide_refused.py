"""The desired status if there are no values, or none in the Secret. Pure; see `decide`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import UnavailableError
from esc_operator.reconciliation.sync.decide import Plan, first_of, status_of
from esc_operator.reconciliation.sync.observation import failed_attempt
from esc_operator.reconciliation.sync.readiness import trouble_event
from esc_operator.reconciliation.sync.situation import end_of_use
from esc_operator.reconciliation.sync.warnings import evaluated_anew
from esc_operator.reconciliation.workqueue.retry_after import end_of_wait
from esc_operator.renewal.schedule import retry_at
from esc_operator.resources.conditions import REFRESHED, find_condition, shorten

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.reconciliation.sync.outcome import Refused
    from esc_operator.reconciliation.sync.situation import Situation
    from esc_operator.renewal.why import Attempt


@dataclass(frozen=True, slots=True)
class Refusal:
    """The result of an attempt that was refused. `failed` is the memory of it. `asked`: for this many seconds there
    must be no requests to the API server about this environment; None if it did not ask for that."""

    plan: Plan
    failed: Attempt | None
    asked: float | None


def refuse(seen: Situation, refused: Refused, before: Attempt | None = None) -> Refusal:
    """The plan, the memory, and the pause that was asked for. `before`: the last attempt, if it failed."""
    asked = refused.retry_after if _is_of_the_api_server(refused) else None
    after = _asked_until(seen, refused)
    plan = plan_refused(seen, refused, after)
    failed = failed_attempt(plan.status)
    if failed is not None:
        failed = replace(failed, retryable=refused.retryable, retry_after=after, outage=refused.outage, due=refused.due)
        if refused.due:  # the status has the first of a row
            failed = replace(failed, failures=_count(failed, before), failed_at=seen.now)
    return Refusal(plan, failed, asked or None)


def _count(failed: Attempt, before: Attempt | None) -> int:
    if before is None:
        return failed.failures
    same = (before.generation, before.rotate_request) == (failed.generation, failed.rotate_request)
    return before.failures + 1 if same else 1


def _is_of_the_api_server(refused: Refused) -> bool:
    return refused.unwritten or refused.reason == UnavailableError.default_reason


def _asked_until(seen: Situation, refused: Refused) -> datetime | None:
    """Until when the other side asks for a pause. That of an API server is limited (`end_of_wait`)."""
    if not refused.retry_after:
        return None
    if _is_of_the_api_server(refused):
        return end_of_wait(refused.retry_after, seen.now)
    return seen.now + timedelta(seconds=refused.retry_after)


def plan_refused(seen: Situation, refused: Refused, after: datetime | None = None) -> Plan:
    """The Secret stays as it is, and the status says why, and when the next attempt is, which is not before `after`.

    A write is retried every few seconds, and the status shows only what changes: why it fails. So it has the first
    failure of a row, and no time of the next attempt.
    """
    again = _is_repeated(seen)
    failures, failed_at = seen.old.failures + 1 if again else 1, seen.now.replace(microsecond=0)
    due = refused.due or (_retry_due(seen, failures) if refused.retryable else None)
    if due and after:
        due = max(due, after)
    if refused.due:
        is_told = again and seen.old.failures and tells(seen, refused)
        failures = seen.old.failures if is_told else 1
        failed_at = (seen.old.last_failure_at if is_told else None) or failed_at
    status = replace(
        status_of(seen, seen.held, refused),
        failures=failures,
        last_failure_at=failed_at,
        next_refresh_at=None if refused.due or due is None else due.replace(microsecond=0),
        imports=refused.imports.used,
        warnings=evaluated_anew(seen.old.warnings, refused.warnings),
    )
    return Plan(status=status, wake_at=first_of(due, end_of_use(seen)), event=trouble_event(seen.old, refused))


def _is_repeated(seen: Situation) -> bool:
    return (seen.old.observed_generation, seen.old.observed_request) == (
        seen.environment.generation,
        seen.environment.rotate_request,
    )


def tells(seen: Situation, refused: Refused) -> bool:
    """Whether the status already reports this refusal."""
    known = find_condition(seen.old.conditions, REFRESHED)
    told = ("False", refused.reason, shorten(refused.message))
    return known is not None and (known.status, known.reason, shorten(known.message)) == told


def _retry_due(seen: Situation, failures: int) -> datetime:
    """When to try again after this many failures in a row, by the backoff."""
    lifetime = seen.held.lifetime if seen.held else None
    return retry_at(seen.now, failures, end_of_use(seen), seen.environment.uid, lifetime)
