"""One attempt at the Secrets of a ClusterEscEnvironment: their desired data, and which namespaces need a write.

The rules are those of a single Secret; an intact one represents all. A namespace that lags behind, because it is new,
its Secret was edited or deleted, or refused before, gets that one's data: nothing is opened or minted for it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING

from esc_operator.errors import InvalidError, KubeError, UnavailableError
from esc_operator.reconciliation.fan_out.plan import (
    GIVE_UP_AFTER,
    Site,
    SiteFailure,
    best_of,
    digest_versions,
    lagging,
    restored_event,
    summarise,
    with_namespaces,
)
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.contest import describe_contest
from esc_operator.reconciliation.sync.failed_write import cause_of, reason_of
from esc_operator.reconciliation.sync.outcome import OpenedValues, Refused
from esc_operator.reconciliation.sync.target_secret import NO_SECRET
from esc_operator.reconciliation.sync.targets import was_refused_target
from esc_operator.reconciliation.sync.unfilled import NO_VARIABLES, plan_unfilled, plan_unfilled_waiting
from esc_operator.reconciliation.workqueue.retry_after import end_of_wait
from esc_operator.reconciliation.workqueue.retry_pace import WAKE_GAP
from esc_operator.renewal.restorations import count_one_more, next_turn
from esc_operator.renewal.schedule import Window, retry_at
from esc_operator.renewal.why import Wait, is_current, why_sync
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from esc_operator.reconciliation.fan_out.sites import SiteMemory, SiteSecrets
    from esc_operator.reconciliation.sync.attempt import SyncAttempt
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.renewal.why import Observation
    from esc_operator.resources.environment import Key
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

SALT_BYTES = 16


class Fill:
    """`sites` are all namespaces that should have the Secret, in their current state; `best` is the one to copy
    from."""

    def __init__(self, attempt: SyncAttempt, secrets: SiteSecrets, memory: SiteMemory, sites: list[Site]) -> None:
        self.sites = sites
        self.best = best_of(sites, attempt.entry.status.seals)
        self._attempt = attempt
        self._environment, self._entry = attempt.environment, attempt.entry
        self._secrets = secrets
        self._memory = memory
        self._restored: list[Site] = []

    @property
    def target(self) -> TargetSecret:
        """The Secret that represents all."""
        return self.best.target if self.best else NO_SECRET

    @property
    def _held(self) -> SyncRecord | None:
        return self.best.record if self.best else None

    async def run(self) -> Plan:
        """Open the environment, if that is due, and write the Secrets; returns the plan for the status. Raises
        KubeError."""
        attempt, entry = self._attempt, self._entry
        is_free = any(not site.refused for site in self.sites)
        if is_free and was_refused_target(entry.status):
            entry.failed = None  # one of the Secrets has become free
        entry.record = self._held or entry.record
        seen = await attempt.observe(self.target)
        situation = attempt.situation(self.target)
        verdict = why_sync(seen, situation.now)
        if isinstance(verdict, Wait) and seen.held and self._held is None and not seen.failed:
            self.sites = []
            return plan_unfilled_waiting(situation, NO_VARIABLES, verdict.until)
        if isinstance(verdict, Wait):
            if entry.failed is None:
                attempt.note_written()
            plan = decide.plan_waiting(situation, verdict.until, failing=bool(seen.failed))
        elif self._all_wait(situation.now):
            plan = decide.plan_waiting(situation, None, failing=bool(seen.failed))
        elif not is_free:
            plan = attempt.refuse(self.target, next(site.refused for site in self.sites if site.refused))
        else:
            outcome = await attempt.open(self.target, verdict)
            if isinstance(outcome, OpenedValues):
                plan = await self._take_over(outcome) if outcome.data else self._leave_all(outcome)
                attempt.meter(verdict, seen, situation.now)
                return plan
            plan = attempt.refuse(self.target, outcome)
            attempt.meter(verdict, seen, situation.now)
        await self._catch_up(seen)
        return self._told(plan, self._held)

    def _leave_all(self, opened: OpenedValues) -> Plan:
        """It exports nothing: no namespace should have a Secret."""
        situation = self._attempt.situation(self.target)
        self.sites = []
        self._attempt.succeed(situation.now, self._entry.record)
        return plan_unfilled(situation, opened, NO_VARIABLES)

    async def _take_over(self, opened: OpenedValues) -> Plan:
        """Give all namespaces the new values; those that already have them need no write."""
        entry, held, salt = self._entry, self._held, token_hex(SALT_BYTES)
        situation = self._attempt.situation(self.target)
        record = decide.next_record(situation, opened, salt, entry.record)
        if self._attempt.is_kept and self._memory.pending is not None:
            record = self._memory.pending  # the same values, with the seal that the status already has
        if held is not None and decide.says_the_same(held, record):
            record = held
        plan = decide.plan_opened(situation, opened, salt, entry.record)
        seals = tuple(dict.fromkeys((record.seal, *entry.status.seals)))[:2]
        if seals != entry.status.seals:
            # Before any Secret has it: after a crash in between, the operator must recognize its own Secrets.
            await self._secrets.write_seals(self._environment, entry, seals)
        behind = lagging(self.sites, record.seal)
        if self._attempt.is_kept:
            behind = [site for site in behind if self._is_due(site, situation.now)]
        self._memory.pending = record
        try:
            await self._attempt.write(self._write_all(behind, record, opened.data))
        except UnavailableError as error:
            plan = self._attempt.fail(situation.target, error, opened)
        else:
            if any(site.has_values(record.seal) for site in self.sites):
                self._memory.pending = None
                self._attempt.succeed(self._attempt.began, record)
            else:
                self._attempt.keep(opened)
                plan = self._attempt.refuse(situation.target, self._refused(opened))
        return self._told(replace(plan, status=replace(plan.status, seals=seals)), record)

    async def _catch_up(self, seen: Observation) -> None:
        """Fill the namespaces that lag behind from the representative Secret, while that has the desired data."""
        best, record, now = self.best, self._held, self._attempt.now()
        if best is None or record is None or not is_current(seen, now) or self._attempt.is_held():
            return
        if due := [site for site in lagging(self.sites, record.seal) if self._is_due(site, now)]:
            data = await self._secrets.read_data(best, record)
            await self._attempt.write(self._write_all(due, record, data))

    def _is_due(self, site: Site, now: datetime) -> bool:
        trouble = self._memory.troubles.get(site.key)
        return (trouble is None or trouble.due <= now) and not self._waits(site, now)

    def _waits(self, site: Site, now: datetime) -> bool:
        """Whether others have changed a namespace's Secret so often that it is not restored yet; this is recorded."""
        turn = next_turn(self._memory.restorations.get(site.key), now)
        if not site.was_changed or turn <= now:
            return False
        self._note_contest(site, turn)
        return True

    def _all_wait(self, now: datetime) -> bool:
        """Whether the only reasons to sync are Secrets that others have changed, in all namespaces that may have
        one."""
        free = [site for site in self.sites if not site.refused]
        was_filled = bool(free) and self._entry.record is not None and self.best is None
        return was_filled and all(self._waits(site, now) for site in free)

    def _note_contest(self, site: Site, turn: datetime) -> None:
        refused = describe_contest(site.target)
        self._memory.troubles[site.key] = SiteFailure(1, turn, refused.reason, refused.message)

    # Writing.

    async def _write_all(self, chosen: Sequence[Site], record: SyncRecord, data: Mapping[str, str]) -> None:
        """Write the chosen ones. A failure of one namespace does not delay the others. Raises UnavailableError if the
        API server itself fails."""
        unanswered: list[UnavailableError] = []
        skipped: list[Site] = []
        written: dict[Key, Site] = {}

        async def write(site: Site) -> None:
            async with self._secrets.slots:
                if len(unanswered) >= GIVE_UP_AFTER:
                    skipped.append(site)
                    return
                try:
                    filled = await self._secrets.write(site, record, data)
                except KubeError as error:
                    unanswered.append(error) if isinstance(error, UnavailableError) else unanswered.clear()
                    self._note_trouble(site, record, error)
                    return
            unanswered.clear()
            written[site.key] = filled
            self._note_written(site, filled)

        await asyncio.gather(*(write(site) for site in chosen))
        self.sites = [written.get(site.key, site) for site in self.sites]
        is_of_all = len(unanswered) >= GIVE_UP_AFTER or (unanswered and len(unanswered) == len(chosen))
        if is_of_all and unanswered[-1].reason == UnavailableError.default_reason:
            raise unanswered[-1]
        for site in skipped:
            last = unanswered[-1]
            why = f"its Secret was not written, because that failed in {GIVE_UP_AFTER} namespaces before: {last.cause}"
            self._note_trouble(site, record, UnavailableError(why, reason=last.reason, cause=last.cause))

    def _note_written(self, before: Site, filled: Site) -> None:
        memory, now = self._memory, self._attempt.now()
        if before.was_changed or not filled.target.in_order:
            known, in_vain = memory.restorations.get(filled.key), not filled.target.in_order
            row = memory.restorations[filled.key] = count_one_more(known, now, in_vain=in_vain)
            if row.count == 1 and not in_vain:
                self._restored.append(before)
        memory.troubles.pop(filled.key, None)
        for place, key in enumerate(self._secrets.retry_pace.succeed(filled.key), start=1):
            if trouble := memory.troubles.get(key):  # it failed by the same cause
                memory.troubles[key] = replace(trouble, due=now + place * WAKE_GAP)
        memory.trusted[filled.key] = filled.target.trusted_version
        if not filled.target.in_order:
            self._note_contest(filled, next_turn(memory.restorations[filled.key], now))

    def _note_trouble(self, site: Site, record: SyncRecord, error: KubeError) -> None:
        troubles, now = self._memory.troubles, self._attempt.now()
        before = troubles.get(site.key)
        failures = before.failures + 1 if before else 1
        if isinstance(error, InvalidError):
            due = retry_at(now, failures, self._end_of_use(site), str(site.key), record.lifetime)
        else:
            due = self._secrets.retry_pace.fail(site.key, now, cause_of(error))
        if error.retry_after:
            due = max(due, end_of_wait(error.retry_after, now))
        reason = reason_of(error)
        self._attempt.count_failed_write(reason)
        troubles[site.key] = SiteFailure(failures, due, reason, error.message)
        log = {"environment": site.local.key.name, "reason": reason}
        logger.warning("%s: %s", site.local.key.name, error.message, extra=log)

    def _end_of_use(self, site: Site) -> datetime | None:
        held = site.record
        return Window(held.issued_at, held.expires_at).usable_until if held and held.expires_at else None

    def _refused(self, opened: OpenedValues) -> Refused:
        """The reason why no namespace could be filled: that of the first."""
        troubles = [one for site in self.sites if (one := self._memory.troubles.get(site.key))]
        if not troubles:
            return Refused(
                reasons.SECRET_REFUSED, "no namespace could be filled", imports=opened.imports, warnings=opened.warnings
            )
        due = min(one.due for one in troubles)
        first = troubles[0]
        refused = Refused(first.reason, first.message, imports=opened.imports, unwritten=True, due=due)
        return replace(refused, warnings=opened.warnings)

    # Reporting.

    def _told(self, plan: Plan, record: SyncRecord | None) -> Plan:
        """The plan with the namespaces' state. `record` is the desired one."""
        now, seal, troubles = self._attempt.now(), record.seal if record else "", self._memory.troubles
        self._count_refusals(seal, now)
        self._entry.namespace_failures = max((one.failures for one in troubles.values()), default=0)
        holding = [site for site in self.sites if site.holds(seal)]
        in_order = {site.key: site.target.secret.version for site in holding if site.target.secret}
        status = replace(plan.status, secret_resource_version=digest_versions(in_order))
        waits = [one.due for one in troubles.values() if one.due > now]
        wake_at, event = min(filter(None, (plan.wake_at, *waits)), default=None), plan.event
        plan = replace(plan, status=status, wake_at=wake_at, event=event or restored_event(self._restored))
        plan = with_namespaces(plan, self._entry.status, summarise(self.sites, troubles, seal), now)
        return replace(plan, event=None) if self._was_reported(plan) else plan

    def _was_reported(self, plan: Plan) -> bool:
        """Whether all failures have had their event: one is enough for a row of restorations."""
        if plan.event is None or plan.event.reason != reasons.NAMESPACES_FAILING:
            return False
        rows, troubles = self._memory.restorations, self._memory.troubles
        contested = [key for key, one in troubles.items() if one.reason == reasons.SECRET_CONTESTED and key in rows]
        known = len(contested) == len(troubles) and all(rows[key].reported for key in contested)
        rows.update({key: replace(rows[key], reported=True) for key in contested})
        return known

    def _count_refusals(self, seal: str, now: datetime) -> None:
        """Count failures of namespaces with a foreign Secret, and when to check them again."""
        troubles = self._memory.troubles
        for site in self.sites:
            if site.holds(seal):
                troubles.pop(site.key, None)  # the write whose answer was lost had taken effect
        for site in self.sites:
            if site.refused and site.key not in troubles:
                troubles[site.key] = SiteFailure(1, now, site.refused.reason, site.refused.message)
        for site in self.sites:
            if (one := troubles.get(site.key)) and site.refused and one.due <= now:
                due = retry_at(now, one.failures, None, str(site.key))
                if site.refused.unwritten:  # it could not be read
                    due = self._secrets.retry_pace.fail(site.key, now)
                troubles[site.key] = replace(one, due=due, failures=one.failures + 1)
