"""The rollouts of ClusterEscEnvironments: one condition and one time for the workloads of all namespaces.

Each namespace is rolled as that of an environment of its own would be, with turns among all rollouts of the cluster.
One whose workloads are known to run with what its Secret holds costs nothing; only the others are looked at, each when
something can have changed there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError, UnavailableError
from esc_operator.reconciliation.fan_out.plan import Site, best_of, digest_versions
from esc_operator.reconciliation.fan_out.rollout_plan import (
    Overview,
    Stand,
    all_rolled_out,
    filled_sites,
    is_due,
    known_to_be_right,
    rollout_events,
    stand_of,
    stand_of_trouble,
    time_rollouts,
    unseen,
)
from esc_operator.reconciliation.rollouts.plan import end_of_rollout, lifetime_warning
from esc_operator.reconciliation.rollouts.roller import SOON, Roller, Survey
from esc_operator.resources.conditions import carry_transition_times
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from esc_operator.kube.events import Event
    from esc_operator.reconciliation.rollouts.plan import RolloutPlan
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

AT_ONCE = 16
"""So many namespaces are asked about at a time, of all ClusterEscEnvironments together."""

GIVE_UP_AFTER = 16
"""So many in a row without an answer are no trouble of single namespaces."""

LATER = timedelta(seconds=5)

Due = tuple["EscEnvironment", "SyncRecord"]
"""A namespace that has to be looked at: the environment as if it were of that namespace, and what its Secret holds."""


@dataclass(slots=True)
class _Memory:
    """What is known of the namespaces of one environment. `right`: the revision that all workloads of each run with.
    `stands` are those of the others, `concerned` how many workloads there are, where they were looked at. `told`: the
    troubles that events have told of `revision`."""

    right: dict[str, str]
    stands: dict[str, Stand] = field(default_factory=dict)
    concerned: dict[str, int] = field(default_factory=dict)
    finished_at: datetime | None = None
    revision: str = ""
    generation: int = 0
    told: set[str] = field(default_factory=set)
    held_until: datetime | None = None

    def know_only(self, namespaces: set[str]) -> set[str]:
        """Forget all other namespaces; answers which."""
        gone = {*self.right, *self.stands} - namespaces
        for namespace in gone:
            self.right.pop(namespace, None)
            self.stands.pop(namespace, None)
            self.concerned.pop(namespace, None)
        return gone


@dataclass(slots=True)
class _Look:
    """One look at several namespaces. `silent` counts requests without an answer, of which the last was the last;
    `begins`: pods of any have been told to be replaced."""

    silent: int = 0
    begins: bool = False

    @property
    def is_given_up(self) -> bool:
        return self.silent >= GIVE_UP_AFTER


class FanOutRollouts:
    def __init__(self, roller: Roller, now: Callable[[], datetime], telemetry: Telemetry = SILENT) -> None:
        self._roller = roller
        self._now = now
        self._telemetry = telemetry
        self._requests = asyncio.Semaphore(AT_ONCE)
        self._memories: dict[str, _Memory] = {}

    def take_up(self, environment: EscEnvironment, status: Status, sites: Sequence[Site]) -> None:
        """Before anything is done after a start: what the status says of the Secrets that are there."""
        if environment.uid not in self._memories and _rolls(environment):
            right = known_to_be_right(status, filled_sites(sites, status.seals))
            self._memories[environment.uid] = _Memory(right, generation=environment.generation)

    def forget(self, uid: str) -> None:
        """An environment is gone, or has nothing to roll any more."""
        if memory := self._memories.pop(uid, None):
            for namespace in memory.know_only(set()):
                self._roller.forget((uid, namespace))

    def leave(self, environment: EscEnvironment, status: Status) -> Status:
        """The status where nothing is rolled: it is not asked for, or there is nothing."""
        self.forget(environment.uid)
        summary = status.namespaces and replace(status.namespaces, rolled_out=None, behind=())
        return replace(status, namespaces=summary, rolled_out_revision="", rollout_digest="", rollout_started_at=None)

    async def advance(
        self, environment: EscEnvironment, old: Status, status: Status, sites: Sequence[Site]
    ) -> tuple[Status, datetime | None]:
        """The status with what is to be told of rollouts, and when to look again; rolls what has to be rolled now.

        `old` is the last status, `status` the next one as far as Secrets are concerned. Trouble with workloads is told
        and tried again: never raised.
        """
        if not _rolls(environment) or not sites:
            return self.leave(environment, status), None
        filled = filled_sites(sites, status.seals)
        newest = best_of(sites, status.seals)
        if newest is None or newest.record is None:
            return status, None  # what was rolled out is still what pods hold
        memory = self._memories.setdefault(environment.uid, _Memory({}))
        self._note(environment, memory, filled, newest.record)
        look = _Look()
        if memory.held_until and memory.held_until <= self._now():
            memory.held_until = None
        await self._look(memory, filled, look)
        overview = _overview(memory, filled, begins=look.begins)
        told = self._told(environment, old, status, overview, newest.record)
        told = replace(told, rollout_digest=_digest(memory, filled))
        return told, self._look_again_at(memory, old, told)

    def tell(self, environment: EscEnvironment, old: Status, status: Status) -> tuple[Event, ...]:
        """The events for what is new between two statuses."""
        memory = self._memories.get(environment.uid)
        return rollout_events(old, status, memory.told if memory else set())

    def _note(
        self,
        environment: EscEnvironment,
        memory: _Memory,
        filled: Sequence[tuple[Site, SyncRecord]],
        newest: SyncRecord,
    ) -> None:
        """What has changed since the last look: namespaces have gone, others may be meant, the data is another one."""
        left = {site.local.key.namespace for site, record in filled if record.leaves_pods}
        for namespace in memory.know_only({site.local.key.namespace for site, _ in filled} - left):
            self._roller.forget((environment.uid, namespace))
        if memory.generation != environment.generation:
            memory.generation = environment.generation
            now = self._now()
            memory.stands = {name: replace(stand, look_at=now) for name, stand in memory.stands.items()}
        if memory.revision != newest.revision:
            memory.revision, memory.told, memory.finished_at = newest.revision, set(), None

    # Looking at namespaces, and rolling.

    async def _look(self, memory: _Memory, filled: Sequence[tuple[Site, SyncRecord]], look: _Look) -> None:
        """First all are looked at, so that what is under way has its turn, and only then anything more is rolled."""
        due = self._due(memory, filled)
        if not due:
            return
        surveys: dict[Key, Survey] = {}
        for local, _ in due:
            memory.right.pop(local.key.namespace, None)  # some may have been rolled already for what comes

        async def survey(local: EscEnvironment, record: SyncRecord) -> None:
            if until := self._roller.waits_until(local, record):
                self._put_off(memory, local, record, until)
            else:
                surveys[local.key] = await self._roller.survey(local, record)

        async def roll(local: EscEnvironment, record: SyncRecord) -> None:
            plan = await self._roller.roll(local, record, surveys[local.key])
            look.begins |= bool(plan.roll)
            self._take_note(memory, local, record, plan)

        with self._telemetry.tracer.span("rollout", environment=due[0][0].reference, namespaces=len(due)):
            await asyncio.gather(*(self._try(memory, look, one, survey) for one in due))
            surveyed = [one for one in due if one[0].key in surveys]
            await asyncio.gather(*(self._try(memory, look, one, roll) for one in surveyed))

    def _due(self, memory: _Memory, filled: Sequence[tuple[Site, SyncRecord]]) -> list[Due]:
        now = self._now()
        return [
            (site.local, record)
            for site, record in filled
            if not record.leaves_pods
            and memory.right.get(site.local.key.namespace) != record.revision
            and is_due(memory.stands.get(site.local.key.namespace), record, now)
        ]

    async def _try(
        self, memory: _Memory, look: _Look, due: Due, work: Callable[[EscEnvironment, SyncRecord], Awaitable[None]]
    ) -> None:
        """One namespace's trouble keeps no other waiting, unless it is the API server's own."""
        async with self._requests:
            if look.is_given_up or memory.held_until:
                self._put_off(memory, *due, memory.held_until or self._now() + LATER)
                return
            try:
                await work(*due)
            except KubeError as error:
                self._note_trouble(memory, *due, error)
                look.silent = look.silent + 1 if isinstance(error, UnavailableError) else 0
            else:
                look.silent = 0

    def _note_trouble(self, memory: _Memory, local: EscEnvironment, record: SyncRecord, error: KubeError) -> None:
        due, now = self._roller.record_failure(local, record, error), self._now()
        memory.stands[local.key.namespace] = stand_of_trouble(error, record, due, now)
        if error.retry_after:
            memory.held_until = due

    def _put_off(self, memory: _Memory, local: EscEnvironment, record: SyncRecord, until: datetime) -> None:
        stand, now = memory.stands.get(local.key.namespace), self._now()
        if stand is None or stand.revision != record.revision:
            stand = unseen(record, now)
        memory.stands[local.key.namespace] = replace(stand, seen_at=now, look_at=until)

    def _take_note(self, memory: _Memory, local: EscEnvironment, record: SyncRecord, plan: RolloutPlan) -> None:
        namespace, now = local.key.namespace, self._now()
        memory.concerned[namespace] = plan.concerned
        if not plan.is_done:
            memory.stands[namespace] = stand_of(plan, record, now)
            return
        memory.right[namespace] = record.revision
        if memory.stands.pop(namespace, None):
            memory.finished_at = now

    # Telling.

    def _told(
        self, environment: EscEnvironment, old: Status, status: Status, overview: Overview, newest: SyncRecord
    ) -> Status:
        now = self._now()
        started, seconds = time_rollouts(old, overview, newest, now)
        behind = tuple(overview.behind())
        summary = status.namespaces and replace(status.namespaces, rolled_out=overview.rolled, behind=behind)
        revision = newest.revision if overview.is_done else ""
        status = replace(
            status,
            namespaces=summary,
            # Pods that are left alone hold what they did.
            rolled_out_revision=revision if not overview.left else old.rolled_out_revision,
            rollout_started_at=started,
            rollout_seconds=seconds,
        )
        condition = all_rolled_out(environment, old, overview, newest)
        if end := end_of_rollout(old, condition):
            self._telemetry.meter.rolled_out(end, seconds if end == "completed" and old.rollout_started_at else None)
        warning = lifetime_warning(environment, newest.lifetime, status.rollout_time)
        told = [condition, *([warning] if warning else [])]
        return replace(status, conditions=(*status.conditions, *carry_transition_times(told, old.conditions, now)))

    def _look_again_at(self, memory: _Memory, old: Status, told: Status) -> datetime | None:
        if memory.held_until:
            return memory.held_until
        times = [stand.look_at for stand in memory.stands.values()]
        if told.rollout_seconds > old.rollout_seconds:
            times.append(self._now() + SOON)  # it calls for an earlier renewal than was just planned
        return min(times, default=None)


def _rolls(environment: EscEnvironment) -> bool:
    return environment.rollout.policy == "OnChange" and not environment.suspend


def _overview(memory: _Memory, filled: Sequence[tuple[Site, SyncRecord]], *, begins: bool) -> Overview:
    left = sum(record.leaves_pods for _, record in filled)
    counts = memory.concerned.values()
    known = len(counts) >= len(filled) - left
    return Overview(
        filled=len(filled),
        rolled=len(filled) - left - len(memory.stands),
        left=left,
        stands=memory.stands,
        concerned=True if any(counts) else False if known else None,
        begins=begins,
        finished_at=memory.finished_at,
    )


def _digest(memory: _Memory, filled: Sequence[tuple[Site, SyncRecord]]) -> str:
    right = {
        site.key: record.revision
        for site, record in filled
        if not record.leaves_pods and memory.right.get(site.local.key.namespace) == record.revision
    }
    return digest_versions(right)
