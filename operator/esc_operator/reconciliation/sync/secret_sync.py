"""Brings the one Secret of an EscEnvironment, and its status, to what they have to be."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from esc_operator.errors import ConflictError, KubeError, NotFoundError, UnavailableError
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.attempt import AttemptParts, SyncAttempt
from esc_operator.reconciliation.sync.outcome import OpenedValues, Refused
from esc_operator.reconciliation.sync.situation import NO_SECRET
from esc_operator.reconciliation.sync.targets import refuse_target, was_refused_target
from esc_operator.renewal.why import Wait, why_sync
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.gather import TargetSecret
    from esc_operator.renewal.why import Sync
    from esc_operator.resources.environment import EscEnvironment


class SecretSync:
    def __init__(self, parts: AttemptParts) -> None:
        self._parts = parts
        self._gatherer = parts.shared.gatherer
        self._actor = parts.shared.actor
        self._status_writer = parts.status_writer

    async def reconcile(self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret) -> None:
        """`target` is what was read of its Secret. Raises KubeError."""
        attempt = SyncAttempt(self._parts, environment, entry)
        if environment.suspend:
            await self._carry_out(attempt, decide.plan_suspended(attempt.situation(target)))
            return
        refused = refuse_target(environment, target.secret)
        if refused:
            target = NO_SECRET  # what is somebody else's is not there, as far as this environment is concerned
        elif was_refused_target(entry.status):
            entry.failed = None  # the Secret has become free
        entry.record = self._gatherer.own_record(environment) or entry.record
        seen = await attempt.observe(target)
        situation = attempt.situation(target)
        verdict = why_sync(seen, situation.now)
        if isinstance(verdict, Wait):
            plan = decide.plan_waiting(situation, verdict.until, failing=bool(seen.failed))
            await self._carry_out(attempt, plan)
        elif refused:
            await self._carry_out(attempt, attempt.refuse(target, refused))  # nothing is opened or minted for it
        else:
            await self._sync(attempt, target, verdict)
            attempt.meter(verdict, seen, situation.now)

    async def _carry_out(self, attempt: SyncAttempt, plan: Plan) -> None:
        await self._status_writer.carry_out(attempt.environment, attempt.entry, plan)

    async def _sync(self, attempt: SyncAttempt, target: TargetSecret, sync: Sync) -> None:
        outcome = await attempt.open(target, sync)
        if isinstance(outcome, Refused):
            await self._carry_out(attempt, attempt.refuse(target, outcome))
        else:
            await self._fill(attempt, target, outcome)
        attempt.follow_up()

    async def _fill(self, attempt: SyncAttempt, target: TargetSecret, opened: OpenedValues) -> None:
        environment, entry, situation = attempt.environment, attempt.entry, attempt.situation(target)
        # A Secret that somebody deleted is made anew as the same one: what pods hold of it has not changed with that.
        plan = decide.plan_opened(situation, opened, token_hex(8), lost=entry.record)
        try:
            status = await self._actor.write_secret(plan)
        except (UnavailableError, ConflictError, NotFoundError):
            raise
        except KubeError as error:
            refused = Refused(reasons.SECRET_REFUSED, error.message, imports=opened.imports)
            await self._carry_out(attempt, attempt.refuse(target, refused))
            return
        attempt.succeed(situation.now, self._gatherer.own_record(environment))
        await self._status_writer.write_all(environment, entry, plan, status)
