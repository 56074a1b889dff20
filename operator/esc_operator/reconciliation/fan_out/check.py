"""A ClusterEscEnvironment without a namespace to fill: it is checked too, because others may import it. One that a
service holds is opened for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.sync.target_secret import NO_SECRET
from esc_operator.reconciliation.sync.unfilled import (
    EVERY_REASON,
    NO_NAMESPACES,
    NO_TARGET,
    plan_unfilled,
    plan_unfilled_waiting,
)
from esc_operator.renewal.why import Wait, why_sync
from esc_operator.resources.definition_source import PulumiSource

if TYPE_CHECKING:
    from esc_operator.reconciliation.sync.attempt import SyncAttempt
    from esc_operator.reconciliation.sync.decide import Plan


async def check(attempt: SyncAttempt) -> Plan:
    """Check it, if that is due; returns the plan for the status. Raises KubeError."""
    why = NO_TARGET if attempt.environment.spread is None else NO_NAMESPACES
    seen = await attempt.observe(NO_SECRET, EVERY_REASON)
    situation = attempt.situation(NO_SECRET)
    verdict = why_sync(seen, situation.now)
    if isinstance(verdict, Wait):
        if seen.failed:
            return decide.plan_waiting(situation, verdict.until, failing=True)
        return plan_unfilled_waiting(situation, why, verdict.until)
    # Only opening it shows whether a service that holds it serves it; importers say that its status has the cause.
    is_remote = isinstance(attempt.environment.source, PulumiSource)
    outcome = await (attempt.open(NO_SECRET, verdict) if is_remote else attempt.check())
    if isinstance(outcome, Refused):
        return attempt.refuse(NO_SECRET, outcome)
    attempt.succeed(situation.now, None)
    return plan_unfilled(attempt.situation(NO_SECRET), outcome, why)
