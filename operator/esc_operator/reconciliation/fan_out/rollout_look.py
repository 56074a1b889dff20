"""One look at the namespaces of a ClusterEscEnvironment whose workloads may have to be rolled: the reads and writes.

Owns how many namespaces are read at a time, and the memory of each between two looks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError, UnavailableError
from esc_operator.reconciliation.fan_out.plan import GIVE_UP_AFTER
from esc_operator.reconciliation.fan_out.rollout_plan import Stand, is_due, stand_of, stand_of_failure, unseen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from esc_operator.reconciliation.fan_out.plan import Site
    from esc_operator.reconciliation.rollouts.plan import RolloutPlan
    from esc_operator.reconciliation.rollouts.roller import Roller, Survey
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.sync_record import SyncRecord
    from esc_operator.telemetry import Telemetry

AT_ONCE = 16
"""How many namespaces are read at a time, for all ClusterEscEnvironments together."""

LATER = timedelta(seconds=5)

LOOK_FOR_TARGETS = timedelta(minutes=5)
"""If no namespace has a workload that the environment names, all of them are looked at again after this long."""

Due = tuple["EscEnvironment", "SyncRecord"]
"""A namespace that has to be looked at: the environment as one of that namespace, and the record of its Secret."""


@dataclass(slots=True)
class RolloutMemory:
    """The known state of the namespaces of one environment. `right`: the revision that all workloads of each run with.
    `stands` has the state of the others, `concerned` the number of workloads, if they were looked at. `told`: the
    problems of `revision` that have their events. `missing_since`: when all were looked at and had no workload."""

    right: dict[str, str]
    stands: dict[str, Stand] = field(default_factory=dict)
    concerned: dict[str, int] = field(default_factory=dict)
    finished_at: datetime | None = None
    revision: str = ""
    generation: int = 0
    told: set[str] = field(default_factory=set)
    held_until: datetime | None = None
    missing_since: datetime | None = None

    def know_only(self, namespaces: set[str]) -> set[str]:
        """Forget all other namespaces; returns which."""
        gone = {*self.right, *self.stands} - namespaces
        for namespace in gone:
            self.right.pop(namespace, None)
            self.stands.pop(namespace, None)
            self.concerned.pop(namespace, None)
        return gone


@dataclass(frozen=True, slots=True)
class RolloutParts:
    """What all looks share. `requests` limits their concurrent requests together."""

    roller: Roller
    now: Callable[[], datetime]
    telemetry: Telemetry
    requests: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


class RolloutLook:
    """One look, at the namespaces that are `filled`. `begins`: the replacement of some pods was requested."""

    def __init__(self, parts: RolloutParts, memory: RolloutMemory, filled: Sequence[tuple[Site, SyncRecord]]) -> None:
        self.begins = False
        self._silent = 0  # requests in a row without an answer
        self._parts = parts
        self._roller = parts.roller
        self._now = parts.now
        self._memory = memory
        self._filled = filled
        self._surveys: dict[Key, Survey] = {}

    async def take(self) -> None:
        """First all are looked at, so that running rollouts have their turns; only then more is rolled. The problem of
        a namespace is remembered, never raised."""
        memory = self._memory
        if memory.held_until and memory.held_until <= self._now():
            memory.held_until = None
        due = self._due()
        if not due:
            return
        for local, _ in due:
            memory.right.pop(local.key.namespace, None)  # some may have been rolled already for the next revision
        span = self._parts.telemetry.tracer.span
        with span("rollout", environment=due[0][0].reference, namespaces=len(due)):
            await asyncio.gather(*(self._try(one, self._survey) for one in due))
            surveyed = [one for one in due if one[0].key in self._surveys]
            await asyncio.gather(*(self._try(one, self._roll) for one in surveyed))

    def _due(self) -> list[Due]:
        now, memory = self._now(), self._memory
        return [
            (site.local, record)
            for site, record in self._filled
            if not record.leaves_pods
            and memory.right.get(site.local.key.namespace) != record.revision
            and is_due(memory.stands.get(site.local.key.namespace), record, now)
        ]

    async def _survey(self, local: EscEnvironment, record: SyncRecord) -> None:
        if until := self._roller.waits_until(local, record):
            self._put_off(local, record, until)
        else:
            self._surveys[local.key] = await self._roller.survey(local, record)

    async def _roll(self, local: EscEnvironment, record: SyncRecord) -> None:
        plan = await self._roller.roll(local, record, self._surveys[local.key])
        self.begins |= bool(plan.roll)
        self._take_note(local, record, plan)

    async def _try(self, due: Due, work: Callable[[EscEnvironment, SyncRecord], Awaitable[None]]) -> None:
        """The problem of one namespace delays no other, unless the API server itself fails."""
        async with self._parts.requests:
            held_until = self._memory.held_until
            if held_until or self._silent >= GIVE_UP_AFTER:
                self._put_off(*due, held_until or self._now() + LATER)
                return
            try:
                await work(*due)
            except KubeError as error:
                self._note_trouble(*due, error)
                self._silent = self._silent + 1 if isinstance(error, UnavailableError) else 0
            else:
                self._silent = 0

    def _note_trouble(self, local: EscEnvironment, record: SyncRecord, error: KubeError) -> None:
        due, now = self._roller.record_failure(local, record, error), self._now()
        self._memory.stands[local.key.namespace] = stand_of_failure(error, record, due, now)
        if error.retry_after:
            self._memory.held_until = due

    def _put_off(self, local: EscEnvironment, record: SyncRecord, until: datetime) -> None:
        stand, now = self._memory.stands.get(local.key.namespace), self._now()
        if stand is None or stand.revision != record.revision:
            stand = unseen(record, now)
        self._memory.stands[local.key.namespace] = replace(stand, seen_at=now, look_at=until)

    def _take_note(self, local: EscEnvironment, record: SyncRecord, plan: RolloutPlan) -> None:
        namespace, now = local.key.namespace, self._now()
        self._memory.concerned[namespace] = plan.concerned
        if not plan.is_done:
            self._memory.stands[namespace] = stand_of(plan, record, now)
            return
        self._memory.right[namespace] = record.revision
        if self._memory.stands.pop(namespace, None):
            self._memory.finished_at = now
