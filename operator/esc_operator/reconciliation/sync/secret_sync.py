"""Brings the one Secret of an EscEnvironment, and its status, to the desired state."""

from __future__ import annotations

import logging
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from esc_operator.errors import KubeError
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.attempt import AttemptParts, SyncAttempt
from esc_operator.reconciliation.sync.contest import report_contest, report_trouble, restored, restored_event
from esc_operator.reconciliation.sync.outcome import CheckedValues, OpenedValues, Refused
from esc_operator.reconciliation.sync.target_secret import NO_SECRET, TargetSecret
from esc_operator.reconciliation.sync.targets import refuse_immutable, refuse_labels, refuse_target, was_refused_target
from esc_operator.reconciliation.sync.unfilled import NO_VARIABLES, plan_unfilled, plan_unfilled_waiting
from esc_operator.renewal.restorations import count_one_more, next_turn
from esc_operator.renewal.why import Cause, Wait, why_sync
from esc_operator.resources.definition_source import names_exports
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from datetime import datetime

    from esc_operator.kube.events import Event
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.renewal.why import Observation, Sync
    from esc_operator.resources.environment import EscEnvironment

logger = logging.getLogger(__name__)


class SecretSync:
    def __init__(self, parts: AttemptParts) -> None:
        self._parts = parts
        self._gatherer = parts.shared.gatherer
        self._actor = parts.shared.actor
        self._status_writer = parts.status_writer

    async def reconcile(
        self, environment: EscEnvironment, entry: CachedEnvironment, reading: Awaitable[TargetSecret]
    ) -> None:
        """`reading` reads its Secret. Raises KubeError if not even the status can be written."""
        attempt = SyncAttempt(self._parts, environment, entry)
        try:
            target = await reading
        except KubeError as error:
            known = TargetSecret(self._gatherer.known(environment.target_key))
            await self._carry_out(attempt, attempt.fail_read(known, error))
            return
        await self._reconcile(attempt, environment, entry, target)

    async def _reconcile(
        self, attempt: SyncAttempt, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret
    ) -> None:
        if environment.suspend:
            await self._carry_out(attempt, decide.plan_suspended(attempt.situation(target)))
            return
        refused = refuse_target(environment, target.secret)
        if refused:
            target = NO_SECRET  # a Secret of another owner counts as absent for this environment
        else:
            refused = refuse_labels(environment) or refuse_immutable(target)
        if not refused and was_refused_target(entry.status):
            entry.failed = None  # the Secret has become free
        entry.record = self._gatherer.own_record(environment) or entry.record
        seen = await attempt.observe(target)
        entry.failed = seen.failed  # a failure is over once the Secret was filled after it
        situation = attempt.situation(target)
        turn = next_turn(entry.restorations, situation.now)
        waits = not refused and not target.in_order and turn > situation.now
        verdict = why_sync(_as_if_intact(seen) if waits else seen, situation.now)
        if isinstance(verdict, Wait) and seen.held and situation.held is None and not seen.failed:
            await self._carry_out(attempt, plan_unfilled_waiting(situation, NO_VARIABLES, verdict.until))
        elif isinstance(verdict, Wait) or (waits and verdict.cause is Cause.FIRST):
            until = verdict.until if isinstance(verdict, Wait) else turn
            if refused or waits or (secret := restored(situation)) is None:
                await self._report(attempt, target, until, refused)
            else:
                await self._restore(attempt, target, secret, until)
        elif refused:
            await self._refuse(attempt, target, refused)
        else:
            before = entry.restorations
            if not target.in_order:
                entry.restorations = count_one_more(before, situation.now)
            await self._sync(attempt, replace(target, data=None), verdict)  # no values in memory while it waits
            if entry.failed is not None:
                entry.restorations = before  # nothing was restored
            attempt.meter(verdict, seen, situation.now)

    async def _report(
        self,
        attempt: SyncAttempt,
        target: TargetSecret,
        until: datetime | None,
        refused: Refused | None = None,
        event: Event | None = None,
    ) -> None:
        """There is nothing to write: report the state of the Secret. `refused`: why nothing can be written to it."""
        situation, failing = attempt.situation(target), attempt.entry.failed is not None
        if target.in_order and not failing:
            attempt.note_written()
        plan = replace(decide.plan_waiting(situation, until, failing=failing), event=event)
        if refused:
            plan = plan if failing else report_trouble(situation, plan, refused)
        elif not target.in_order:
            plan = self._report_contest(attempt, target, plan)
        await self._carry_out(attempt, plan)

    async def _carry_out(self, attempt: SyncAttempt, plan: Plan) -> None:
        await self._status_writer.carry_out(attempt.environment, attempt.entry, plan)

    async def _refuse(self, attempt: SyncAttempt, target: TargetSecret, refused: Refused) -> None:
        """Nothing is opened or minted for a Secret that it may not have; but it may not need one."""
        checked = None if names_exports(attempt.environment.source) else await attempt.check()
        if isinstance(checked, CheckedValues) and not checked.exports:
            await self._leave(attempt, target, checked)
        else:
            await self._carry_out(attempt, attempt.refuse(target, refused))

    async def _leave(self, attempt: SyncAttempt, target: TargetSecret, checked: CheckedValues | OpenedValues) -> None:
        """It exports nothing: no Secret is filled, and its former one is deleted."""
        environment, entry, situation = attempt.environment, attempt.entry, attempt.situation(target)
        plan = plan_unfilled(situation, checked, NO_VARIABLES)
        former = entry.status.secret_name
        for name in dict.fromkeys((environment.target.name, former) if target.secret else (former,)):
            if name:
                await self._status_writer.abandon(environment, Key(environment.key.namespace, name))
        attempt.succeed(situation.now, entry.record)
        await self._carry_out(attempt, plan)

    async def _sync(self, attempt: SyncAttempt, target: TargetSecret, sync: Sync) -> None:
        outcome = await attempt.open(target, sync)
        if isinstance(outcome, Refused):
            await self._carry_out(attempt, attempt.refuse(target, outcome))
        elif not outcome.data:
            await self._leave(attempt, target, outcome)
        else:
            await self._fill(attempt, target, outcome)
        attempt.follow_up()

    async def _fill(self, attempt: SyncAttempt, target: TargetSecret, opened: OpenedValues) -> None:
        situation = attempt.situation(target)
        # A Secret that was deleted is created again as the same one: that does not change the values that pods have.
        plan = decide.plan_opened(situation, opened, token_hex(8), lost=attempt.entry.record)
        written = target
        if plan.secret is not None:
            try:
                written = await attempt.write(self._actor.write(plan.secret, creates=plan.creates))
            except KubeError as error:
                await self._carry_out(attempt, attempt.fail(target, error, opened))
                return
        attempt.succeed(attempt.began, self._gatherer.own_record(attempt.environment))
        self._note_written(attempt.entry, written, attempt.now())
        plan = replace(plan, status=replace(plan.status, secret_resource_version=written.trusted_version))
        if not target.in_order:
            plan = replace(plan, event=plan.event or restored_event(target, attempt.entry.restorations))
        await self._carry_out(attempt, plan if written.in_order else self._report_contest(attempt, written, plan))

    async def _restore(
        self, attempt: SyncAttempt, target: TargetSecret, secret: Mapping[str, Any], until: datetime | None
    ) -> None:
        """Write the Secret as it was, without opening anything."""
        environment, entry = attempt.environment, attempt.entry
        before, entry.restorations = entry.restorations, count_one_more(entry.restorations, attempt.now())
        logger.info("%s: restoring its Secret", environment.key, extra={"environment": str(environment.key)})
        try:
            written = await attempt.write(self._actor.write(secret, creates=False))
        except KubeError as error:
            entry.restorations = before
            await self._carry_out(attempt, attempt.fail_read(target, error))
            return
        event = restored_event(target, entry.restorations)
        self._note_written(entry, written, attempt.now())
        await self._report(attempt, written, until, event=event)

    def _note_written(self, entry: CachedEnvironment, written: TargetSecret, now: datetime) -> None:
        """Others, such as webhooks, may change a write: then it is not sent again at once."""
        if not written.in_order:
            entry.restorations = count_one_more(entry.restorations, now, in_vain=True)

    def _report_contest(self, attempt: SyncAttempt, target: TargetSecret, plan: Plan) -> Plan:
        entry, situation = attempt.entry, attempt.situation(target)
        turn = next_turn(entry.restorations, situation.now)
        if entry.failed is not None:
            return replace(plan, wake_at=min(plan.wake_at or turn, turn))  # the status reports that
        reported = entry.restorations is not None and entry.restorations.reported
        if entry.restorations is not None:
            entry.restorations = replace(entry.restorations, reported=True)
        return report_contest(situation, plan, turn, reported=reported)


def _as_if_intact(seen: Observation) -> Observation:
    """The observation without what others have changed, which has to wait."""
    return replace(seen, held=replace(seen.held, intact=True)) if seen.held else seen
