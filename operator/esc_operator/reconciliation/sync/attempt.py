"""One attempt at an environment, whether that fills one Secret or one in each of many namespaces.

Owns what both have to do alike: to find out whether and why to sync, to open, to say meanwhile that what is held has
expired, to note what a refusal or a success leads to, to count it, and to look again where something has changed while
it was opened. It writes no Secret: what goes where is for whoever attempts.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.driver.sharing import Demand
from esc_operator.errors import KubeError
from esc_operator.lang.reasons import LIMIT_EXCEEDED
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.observation import observe, wanted_by
from esc_operator.reconciliation.sync.outcome import CheckedValues, Imports, OpenedValues, Refused
from esc_operator.reconciliation.sync.situation import Situation, end_to_report
from esc_operator.reconciliation.sync.unfilled import held_by_status, is_unfilled
from esc_operator.renewal.why import are_outdated, next_refresh
from esc_operator.resources import reasons
from esc_operator.resources.imported import BEHIND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator
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

_NOTHING_TO_EXPORT = frozenset({reasons.NO_VARIABLES})


class Opening(Protocol):
    """Opens an environment as its own ServiceAccount: all values, or why there are none. Lets the worker go while it
    waits. Never raises."""

    def __call__(
        self, environment: EscEnvironment, demand: Demand, worker: Worker
    ) -> Coroutine[Any, Any, OpenedValues | Refused]: ...

    def check(self, environment: EscEnvironment, worker: Worker) -> Coroutine[Any, Any, CheckedValues | Refused]:
        """Evaluates it without opening anything. Never raises."""

    def look(self, environment: EscEnvironment) -> Coroutine[Any, Any, Imports]:
        """What it imports, found out without opening anything. Raises KubeError."""


class Bells:
    """Of the attempts that are under way: each is rung when what its environment holds has come to its end."""

    def __init__(self) -> None:
        self._hung: dict[Key, asyncio.Future[None]] = {}

    def ring(self, key: Key) -> bool:
        """Whether there is one for that key."""
        if (bell := self._hung.get(key)) is None:
            return False
        if not bell.done():
            bell.set_result(None)
        return True

    @contextmanager
    def hung(self, key: Key) -> Iterator[asyncio.Future[None]]:
        bell = self._hung[key] = asyncio.get_running_loop().create_future()
        try:
            yield bell
        finally:
            del self._hung[key]


@dataclass(frozen=True, slots=True)
class AttemptParts:
    """What attempts are made with. `note` is told of each environment that was seen, `note_source` of the
    mark of an environment's text that is in another object. `forbids` says of a namespace
    whether it is known not to allow what an environment, whose ServiceAccount is there, holds by its status."""

    shared: Shared
    opening: Opening
    status_writer: StatusWriter
    note: Callable[[Sighting], None]
    note_source: Callable[[Key, str], None]
    forbids: Callable[[str, Status], bool]
    bells: Bells = field(default_factory=Bells)


class SyncAttempt:
    """One attempt. `outcome`: what came of opening, None as long as it was not opened."""

    def __init__(self, parts: AttemptParts, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        self.environment = environment
        self.entry = entry
        self.outcome: OpenedValues | CheckedValues | Refused | None = None
        self._parts = parts
        self._shared = parts.shared
        self._recoveries = parts.shared.recoveries.count

    def now(self) -> datetime:
        return self._shared.now()

    def situation(self, target: TargetSecret) -> Situation:
        """With what its Secret is at this moment."""
        return Situation(self.environment, self.entry.status, target, self.now())

    async def observe(self, target: TargetSecret, unfilled: Collection[str] = _NOTHING_TO_EXPORT) -> Observation:
        """What `why_sync` decides on. Where there is no Secret because of one of those reasons, what is known of it
        stands in its status. Raises KubeError."""
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
        """After a start: find out what only its imports import, which stands nowhere. Raises KubeError."""
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
        """Open it, and note what was seen of its imports. `target` is what it holds."""
        environment, entry = self.environment, self.entry
        self._recoveries = self._shared.recoveries.count
        if environment.too_large:
            self.outcome = Refused(LIMIT_EXCEEDED, environment.too_large, retryable=False)
            return self.outcome
        log = {"environment": str(environment.key), "reason": str(sync.cause)}
        logger.info("%s: syncing (%s)", environment.key, sync.cause, extra=log)
        fresh_after = entry.rotation_seen_at if sync.fresh else None
        outcome = await self._open(target, Demand(fresh_after, sync.outlive))
        self.outcome = outcome
        self._note(outcome.imports)
        return outcome

    async def check(self) -> CheckedValues | Refused:
        """Evaluate it without opening anything, and note what was seen of its imports."""
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

    async def _open(self, target: TargetSecret, demand: Demand) -> OpenedValues | Refused:
        """Where that takes longer than what is held can be used, that is told meanwhile."""
        key, situation = self.environment.key, self.situation(target)
        worker = self._shared.attempts[key]
        if (end := end_to_report(situation)) is None:
            return await self._parts.opening(self.environment, demand, worker)
        # What has ended before, while no operator ran, is told only if it is not renewed in a moment.
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
        except KubeError as error:  # it is told in the end, with what has come of the attempt
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: %s", environment.key, error.message, extra=log)

    # What comes of it.

    def refuse(self, target: TargetSecret, refused: Refused) -> Plan:
        """Note that there are no values; answers what has to be told. Where the API server asks for it, nothing more is
        asked about this environment for a while, whatever wakes it."""
        environment, situation = self.environment, self.situation(target)
        log = {"environment": str(environment.key), "reason": refused.reason}
        logger.warning("%s: %s: %s", environment.key, refused.reason, refused.message, extra=log)
        refusal = decide.refuse(situation, refused)
        if refusal.asked:
            self._shared.retry_after.ask(environment.key, refusal.asked, situation.now)
        self.entry.failed = refusal.failed or self.entry.failed
        return refusal.plan

    def is_held(self) -> bool:
        """Whether the API server has asked that nothing more is asked about it."""
        return self._shared.retry_after.until(self.environment.key, self._shared.now()) is not None

    def succeed(self, began: datetime, record: SyncRecord | None) -> None:
        """Note that a Secret holds the values, which were there at `began`. Not before: what has reached no Secret has
        to be read again."""
        entry = self.entry
        entry.failed, entry.read_at, entry.opened_at, entry.record = None, began, began, record

    def meter(self, sync: Sync, seen: Observation, began: datetime) -> None:
        """Count what came of it, and how late it was."""
        well = self.entry.failed is None
        due = next_refresh(seen.wanted, seen.held, began) if seen.held else None
        late = (self._shared.now() - due).total_seconds() if well and due and due <= began else None
        self._shared.telemetry.meter.synced(str(sync.cause), "filled" if well else "refused", late)

    def follow_up(self) -> None:
        """Look again, where something has changed while it was opened. After everything else that sets a time."""
        if self.outcome is None:
            return
        if self.entry.failed and self._shared.recoveries.count != self._recoveries:
            # Before it was known that this one waits for it as well.
            self.entry.failed = replace(self.entry.failed, mended=True)
            self._look_again()
        if self._has_moved(self.outcome):
            self._look_again()

    def _look_again(self) -> None:
        self._shared.scheduler.set(self.environment.key, self._shared.now() + SOON)

    def _has_moved(self, outcome: OpenedValues | CheckedValues | Refused) -> bool:
        """Whether an import has changed while it was used: before it was known whom that concerns, nobody was told."""
        if isinstance(outcome, Refused) and outcome.retryable:
            return False  # it is tried again anyhow
        used = outcome.imports.used
        return are_outdated(used, self._shared.cache.imported(self.environment.key, used))
