"""One attempt at an environment that fills one Secret, or one in each of many namespaces.

Owns what both have in common: to find out whether and why to sync, to open, to report an expiry of the held values
during that, to record the result of a refusal or a success, to count it, and to look again if something has changed
while it was opened. It writes no Secret: its caller decides what goes where.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from esc_operator.driver.sharing import Demand
from esc_operator.errors import ConflictError, InvalidError, KubeError, NotFoundError
from esc_operator.lang.reasons import LIMIT_EXCEEDED
from esc_operator.reconciliation.sync import decide, decide_refused
from esc_operator.reconciliation.sync.bells import Bells
from esc_operator.reconciliation.sync.failed_write import cause_of, refused_by
from esc_operator.reconciliation.sync.observation import observe, wanted_by
from esc_operator.reconciliation.sync.outcome import (
    NO_USES,
    CheckedValues,
    Imports,
    OpenedValues,
    Refused,
    Uses,
)
from esc_operator.reconciliation.sync.situation import Situation, end_to_report
from esc_operator.reconciliation.sync.unfilled import held_by_status, is_unfilled
from esc_operator.reconciliation.sync.unwritten import wish_of
from esc_operator.renewal.why import are_outdated, next_refresh
from esc_operator.resources import reasons
from esc_operator.resources.imported import BEHIND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine
    from datetime import datetime

    from esc_operator.driver.worker import Worker
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.outcome import Sighting
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.reconciliation.sync.status_writer import StatusWriter
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.renewal.why import Observation, Sync
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

SOON = timedelta(seconds=1)
SLOW_SECONDS = 0.5
"""A write that takes longer releases its worker: a webhook may delay it for half a minute."""

T = TypeVar("T")

_NOTHING_TO_EXPORT = frozenset({reasons.NO_VARIABLES})


class Opening(Protocol):
    """Opens an environment as its own ServiceAccount: all values, or why there are none. Releases the worker while it
    waits. Never raises."""

    def __call__(
        self, environment: EscEnvironment, demand: Demand, worker: Worker
    ) -> Coroutine[Any, Any, OpenedValues | Refused]: ...

    def check(self, environment: EscEnvironment, worker: Worker) -> Coroutine[Any, Any, CheckedValues | Refused]:
        """Evaluates it without opening anything. Never raises."""

    def look(self, environment: EscEnvironment) -> Coroutine[Any, Any, Imports]:
        """Its imports, found without opening anything. Raises KubeError."""


@dataclass(frozen=True, slots=True)
class AttemptParts:
    """What all attempts share. `note` is called with each environment that was seen, `note_source` with the mark of an
    environment's text that is in another object. `forbids` says whether a namespace is known not to allow what an
    environment, whose ServiceAccount is there, holds by its status."""

    shared: Shared
    opening: Opening
    status_writer: StatusWriter
    note: Callable[[Sighting], None]
    note_source: Callable[[Key, str], None]
    forbids: Callable[[str, Status], bool]
    bells: Bells = field(default_factory=Bells)


class SyncAttempt:
    """One attempt. `outcome`: the result of opening, None before that. `began`: the time of its values; `is_kept`: they
    are those of an earlier attempt, which could not write them."""

    def __init__(self, parts: AttemptParts, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        self.environment = environment
        self.entry = entry
        self.outcome: OpenedValues | CheckedValues | Refused | None = None
        self._parts = parts
        self._shared = parts.shared
        self.began = parts.shared.now()
        self.is_kept = False
        self._writing_since: datetime | None = None
        self._recoveries = parts.shared.recoveries.count

    def now(self) -> datetime:
        return self._shared.now()

    def situation(self, target: TargetSecret) -> Situation:
        """The situation now, with this state of its Secret."""
        return Situation(self.environment, self.entry.status, target, self.now())

    async def observe(self, target: TargetSecret, unfilled: Collection[str] = _NOTHING_TO_EXPORT) -> Observation:
        """The input of `why_sync`. If there is no Secret because of one of the reasons `unfilled`, the status stands in
        for its record. Raises KubeError."""
        environment, entry = self.environment, self.entry
        await self._learn_behind()
        record = target.secret.record if target.secret else None
        references = {*(entry.status.imports or ()), *(record.imports if record else ())}
        known = self._shared.cache.imported(environment.key, references)
        wanted = replace(wanted_by(environment, entry.status, known), forbidden=self._is_forbidden())
        seen = observe(wanted, target, entry)
        if seen.held is None and is_unfilled(entry.status, unfilled):
            return replace(seen, held=held_by_status(environment, entry.status, entry.read_at))
        return seen

    def _is_forbidden(self) -> bool:
        account = self.environment.account
        return account is not None and self._parts.forbids(account.namespace, self.entry.status)

    async def _learn_behind(self) -> None:
        """After a start: find out what only its imports import, which is recorded nowhere. Raises KubeError."""
        environment, entry = self.environment, self.entry
        known = {*(entry.status.imports or ()), *(entry.record.imports if entry.record else ())}
        if entry.behind is not None or BEHIND not in known:
            return
        imports = await self._parts.opening.look(environment)
        entry.behind = imports.behind
        self._shared.cache.note_imports(environment.key, tuple(entry.status.imports or ()))
        for seen in imports.seen:
            self._parts.note(seen)

    # Opening.

    async def open(self, target: TargetSecret, sync: Sync) -> OpenedValues | Refused:
        """Open it, and record the seen state of its imports. `target` is its current Secret."""
        environment, entry = self.environment, self.entry
        self._recoveries = self._shared.recoveries.count
        if environment.too_large:
            self.outcome = Refused(LIMIT_EXCEEDED, environment.too_large, retryable=False)
            return self.outcome
        demand = Demand(entry.rotation_seen_at if sync.fresh else None, sync.outlive)
        if kept := self._find_kept(demand):
            self.outcome = kept
            return kept
        log = {"environment": str(environment.key), "reason": str(sync.cause)}
        logger.info("%s: syncing (%s)", environment.key, sync.cause, extra=log)
        outcome = await self._open(target, demand)
        self.outcome, self.began = outcome, self.now()
        self._note(outcome.imports)
        return outcome

    async def check(self) -> CheckedValues | Refused:
        """Evaluate it without opening anything, and record the seen state of its imports."""
        environment = self.environment
        self._recoveries = self._shared.recoveries.count
        if environment.too_large:
            self.outcome = Refused(LIMIT_EXCEEDED, environment.too_large, retryable=False)
            return self.outcome
        worker = self._shared.attempts[environment.key]
        outcome = self.outcome = await self._parts.opening.check(environment, worker)
        self._note(outcome.imports)
        return outcome

    def _note(self, imports: Imports) -> None:
        self.entry.refused, self.entry.behind = imports.own.refused, imports.behind
        for seen in imports.seen:
            self._parts.note(seen)
        if imports.source is not None:
            self.entry.source_version = imports.source.version
            self._parts.note_source(self.environment.key, imports.source.mark)

    def _find_kept(self, demand: Demand) -> OpenedValues | None:
        """The values of an attempt that could not write them, if nothing has changed since."""
        environment, key = self.environment, self.environment.key
        wish = wish_of(environment, self._recoveries)
        kept = self._shared.unwritten.find(key, wish, demand, environment, self.now())
        if kept is None:
            return None
        used = kept.opened.imports.used
        if are_outdated(used, self._shared.cache.imported(key, used)):
            self._shared.unwritten.forget(key)
            return None
        self.began, self.is_kept = kept.began, True
        return kept.opened

    async def _open(self, target: TargetSecret, demand: Demand) -> OpenedValues | Refused:
        """If that takes longer than the held values can be used, their expiry is reported during it."""
        key, situation = self.environment.key, self.situation(target)
        worker = self._shared.attempts[key]
        if (end := end_to_report(situation)) is None:
            return await self._parts.opening(self.environment, demand, worker)
        # An expiry while no operator ran is reported only if it is not renewed in a moment.
        self._shared.scheduler.set(key, max(end, situation.now + SOON))
        with self._parts.bells.hung(key) as bell:
            opening = asyncio.create_task(self._parts.opening(self.environment, demand, worker), name=f"opening-{key}")
            try:
                await asyncio.wait((opening, bell), return_when=asyncio.FIRST_COMPLETED)
                if not opening.done():
                    await self._report_overdue(target)
                return await opening
            finally:
                opening.cancel()

    async def _report_overdue(self, target: TargetSecret) -> None:
        environment, entry, writer = self.environment, self.entry, self._parts.status_writer
        plan = decide.plan_overdue(self.situation(target))
        try:
            if environment.cluster_scoped:
                await writer.write(environment, entry, plan, decide.with_others(plan.status, entry.status))
            else:
                await writer.carry_out(environment, entry, plan)
        except KubeError as error:  # the result of the attempt reports it
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: %s", environment.key, error.message, extra=log)

    async def write(self, writing: Coroutine[Any, Any, T]) -> T:
        """Write, and release the worker if that takes long."""
        self._writing_since = self.now()
        task = asyncio.create_task(writing, name=f"writing-{self.environment.key}")
        try:
            done, _ = await asyncio.wait((task,), timeout=SLOW_SECONDS)
            if done:
                return task.result()
            async with self._shared.attempts[self.environment.key].away():
                return await task
        finally:
            task.cancel()

    # Results.

    def refuse(self, target: TargetSecret, refused: Refused) -> Plan:
        """Record that there are no values, or none in the Secret; returns the plan for the status. If the API server
        asks for it, it gets no more requests about this environment for a while, whatever the trigger."""
        environment, situation = self.environment, self.situation(target)
        if refused.unwritten and refused.due is None:
            refused = replace(refused, due=self._shared.retry_pace.fail(environment.key, situation.now))
        if not refused.unwritten:
            self._shared.retry_pace.forget(environment.key)
        log = {"environment": str(environment.key), "reason": refused.reason}
        level = logging.INFO if decide_refused.tells(situation, refused) else logging.WARNING
        logger.log(level, "%s: %s: %s", environment.key, refused.reason, refused.message, extra=log)
        refusal = decide_refused.refuse(situation, refused, self.entry.failed)
        if refusal.asked:
            self._shared.retry_after.ask(environment.key, refusal.asked, situation.now)
        self.entry.failed = refusal.failed or self.entry.failed
        return refusal.plan

    def fail(self, target: TargetSecret, error: KubeError, opened: OpenedValues | None = None) -> Plan:
        """Record that a write of its Secret has failed; returns the plan for the status. The values that were `opened`
        are kept for the retry. Raises the error if another writer was just faster: its result is read first."""
        if opened is not None:
            self.keep(opened)
        self._raise_if_overtaken(error)
        refused = self._describe(error, opened.imports if opened is not None else self._known_imports())
        return self.refuse(target, replace(refused, warnings=opened.warnings if opened is not None else None))

    def fail_read(self, target: TargetSecret, error: KubeError) -> Plan:
        """Record that its Secret could not be read, so that it is not known whether anything is due, or could not be
        restored, for which nothing is opened; returns the plan for the status. Raises the error if the last attempt has
        failed: the status already reports that."""
        if self.entry.failed is not None:
            raise error
        self._raise_if_overtaken(error)
        plan = self.refuse(target, self._describe(error, self._known_imports()))
        self.entry.failed = None  # there was no attempt to retry
        return plan

    def keep(self, opened: OpenedValues) -> None:
        """Keep values that could not be written."""
        wish = wish_of(self.environment, self._recoveries)
        self._shared.unwritten.keep(self.environment.key, wish, opened, self.began)

    def _raise_if_overtaken(self, error: KubeError) -> None:
        if isinstance(error, ConflictError | NotFoundError) and not self.entry.was_overtaken:
            self.entry.was_overtaken = True
            raise error

    def _describe(self, error: KubeError, imports: Imports) -> Refused:
        key, now = self.environment.key, self.now()
        by_itself = isinstance(error, InvalidError)  # only its owner can correct the object, which is observed
        took = now - self._writing_since if self._writing_since else timedelta(0)
        due = None if by_itself else self._shared.retry_pace.fail(key, now, cause_of(error), took)
        refused = refused_by(error, due, imports)
        self.count_failed_write(refused.reason)
        return refused

    def count_failed_write(self, reason: str) -> None:
        self._shared.telemetry.meter.write_failed("secrets", reason)

    def _known_imports(self) -> Imports:
        used = {name: one for name, one in (self.entry.status.imports or {}).items() if name != BEHIND}
        return Imports(own=Uses(used, self.entry.refused), behind=self.entry.behind or NO_USES)

    def is_held(self) -> bool:
        """Whether the API server has asked for a pause of requests about it."""
        return self._shared.retry_after.until(self.environment.key, self._shared.now()) is not None

    def succeed(self, began: datetime, record: SyncRecord | None) -> None:
        """Record that a Secret holds the values of the time `began`. Not earlier: values that reached no Secret have to
        be read again."""
        entry = self.entry
        entry.failed, entry.read_at, entry.opened_at, entry.record = None, began, began, record
        self._shared.unwritten.forget(self.environment.key)
        self.note_written()

    def note_written(self) -> None:
        """Record that writes of its Secret no longer fail."""
        self.entry.was_overtaken = False
        self._shared.note_written(self.environment.key)

    def meter(self, sync: Sync, seen: Observation, began: datetime) -> None:
        """Count its result, and how late it was."""
        well = self.entry.failed is None
        due = next_refresh(seen.wanted, seen.held, began) if seen.held else None
        late = (self._shared.now() - due).total_seconds() if well and due and due <= began else None
        self._shared.telemetry.meter.synced(str(sync.cause), "filled" if well else "refused", late)

    def follow_up(self) -> None:
        """Look again if something has changed while it was opened. Call this after everything else that sets a time."""
        if self.outcome is None:
            return
        if self.entry.failed and self._shared.recoveries.count != self._recoveries:
            # That happened before it was known that this one waits for it as well.
            self.entry.failed = replace(self.entry.failed, mended=True)
            self._look_again()
        if self._has_moved(self.outcome):
            self._look_again()

    def _look_again(self) -> None:
        self._shared.scheduler.set(self.environment.key, self._shared.now() + SOON)

    def _has_moved(self, outcome: OpenedValues | CheckedValues | Refused) -> bool:
        """Whether an import has changed while it was used: this importer was not known then, and so was not queued."""
        if isinstance(outcome, Refused) and outcome.retryable:
            return False  # it is retried anyway
        used = outcome.imports.used
        return are_outdated(used, self._shared.cache.imported(self.environment.key, used))
