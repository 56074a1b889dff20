"""The rollouts of ClusterEscEnvironments: one condition and one time for the workloads of all namespaces.

Each namespace is rolled as if it had its own environment, with turns among all rollouts of the cluster. One whose
workloads are known to run with its Secret's values costs nothing; only the others are looked at, each when something
can have changed there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from esc_operator.reconciliation.fan_out.plan import Site, best_of, digest_versions
from esc_operator.reconciliation.fan_out.rollout_look import LOOK_FOR_TARGETS, RolloutLook, RolloutMemory, RolloutParts
from esc_operator.reconciliation.fan_out.rollout_plan import (
    Overview,
    all_rolled_out,
    filled_sites,
    known_to_be_right,
    rollout_events,
    time_rollouts,
    warn_of_missing_everywhere,
)
from esc_operator.reconciliation.rollouts.plan import end_of_rollout, lifetime_warning
from esc_operator.reconciliation.rollouts.roller import SOON, Roller
from esc_operator.resources import reasons
from esc_operator.resources.conditions import carry_transition_times
from esc_operator.resources.warnings import replace_warnings
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from esc_operator.kube.events import Event
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord


class FanOutRollouts:
    def __init__(self, roller: Roller, now: Callable[[], datetime], telemetry: Telemetry = SILENT) -> None:
        self._parts = RolloutParts(roller, now, telemetry)
        self._roller = roller
        self._now = now
        self._telemetry = telemetry
        self._memories: dict[str, RolloutMemory] = {}

    def take_up(self, environment: EscEnvironment, status: Status, sites: Sequence[Site]) -> None:
        """After a start, before anything else: learn from the status which namespaces run with their Secret's
        values."""
        if environment.uid not in self._memories and _rolls(environment):
            right = known_to_be_right(status, filled_sites(sites, status.seals))
            self._memories[environment.uid] = RolloutMemory(right, generation=environment.generation)

    def forget(self, uid: str) -> None:
        """An environment is gone, or no longer has anything to roll."""
        if memory := self._memories.pop(uid, None):
            for namespace in memory.know_only(set()):
                self._roller.forget((uid, namespace))

    def leave(self, environment: EscEnvironment, status: Status) -> Status:
        """The status if nothing is rolled: rollouts are not enabled, or there is nothing to roll."""
        self.forget(environment.uid)
        summary = status.namespaces and replace(status.namespaces, rolled_out=None, behind=())
        status = replace(status, namespaces=summary, rolled_out_revision="", rollout_digest="", rollout_started_at=None)
        return replace(status, warnings=replace_warnings(status.warnings, {reasons.WORKLOADS_MISSING}, ()))

    async def advance(
        self, environment: EscEnvironment, old: Status, status: Status, sites: Sequence[Site]
    ) -> tuple[Status, datetime | None]:
        """The status with the state of rollouts, and when to look again; rolls what has to be rolled now.

        `old` is the last status, `status` the next one as far as Secrets are concerned. Problems with workloads are
        reported and retried, never raised.
        """
        if not _rolls(environment) or not sites:
            return self.leave(environment, status), None
        filled = filled_sites(sites, status.seals)
        newest = best_of(sites, status.seals)
        if newest is None or newest.record is None:
            return status, None  # pods still have what was rolled out
        memory = self._memories.setdefault(environment.uid, RolloutMemory({}))
        self._note(environment, memory, filled, newest.record)
        look = RolloutLook(self._parts, memory, filled)
        self._look_for_targets(memory)
        await look.take()
        overview = _overview(memory, filled, begins=look.begins)
        told = self._told(environment, old, status, overview, newest.record)
        told = replace(told, rollout_digest=_digest(memory, filled))
        is_missing = any(one.reason == reasons.WORKLOADS_MISSING for one in told.warnings)
        memory.missing_since = (memory.missing_since or self._now()) if is_missing else None
        return told, self._look_again_at(memory, old, told)

    def events(self, environment: EscEnvironment, old: Status, status: Status) -> tuple[Event, ...]:
        """The events for the differences between two statuses."""
        memory = self._memories.get(environment.uid)
        return rollout_events(old, status, memory.told if memory else set())

    def _note(
        self,
        environment: EscEnvironment,
        memory: RolloutMemory,
        filled: Sequence[tuple[Site, SyncRecord]],
        newest: SyncRecord,
    ) -> None:
        """Record what has changed since the last look: namespaces are gone, the targets may be others, the data is
        new."""
        left = {site.local.key.namespace for site, record in filled if record.leaves_pods}
        for namespace in memory.know_only({site.local.key.namespace for site, _ in filled} - left):
            self._roller.forget((environment.uid, namespace))
        if memory.generation != environment.generation:
            memory.generation = environment.generation
            now = self._now()
            memory.stands = {name: replace(stand, look_at=now) for name, stand in memory.stands.items()}
        if memory.revision != newest.revision:
            memory.revision, memory.told, memory.finished_at = newest.revision, set(), None

    def _look_for_targets(self, memory: RolloutMemory) -> None:
        """If no workload was found that the environment names, all namespaces are looked at again after a while."""
        now = self._now()
        if memory.missing_since and now >= memory.missing_since + LOOK_FOR_TARGETS:
            memory.missing_since = now
            memory.right.clear()

    # Reporting.

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
            # Pods that are not replaced keep their values.
            rolled_out_revision=revision if not overview.left else old.rolled_out_revision,
            rollout_started_at=started,
            rollout_seconds=seconds,
        )
        condition = all_rolled_out(environment, old, overview, newest)
        if end := end_of_rollout(old, condition):
            self._telemetry.meter.rolled_out(end, seconds if end == "completed" and old.rollout_started_at else None)
        warning = lifetime_warning(environment, newest.lifetime, status.rollout_time)
        told = [condition, *([warning] if warning else [])]
        missing = warn_of_missing_everywhere(environment, condition, overview.filled)
        status = replace(status, warnings=replace_warnings(status.warnings, {reasons.WORKLOADS_MISSING}, missing))
        return replace(status, conditions=(*status.conditions, *carry_transition_times(told, old.conditions, now)))

    def _look_again_at(self, memory: RolloutMemory, old: Status, told: Status) -> datetime | None:
        if memory.held_until:
            return memory.held_until
        times = [stand.look_at for stand in memory.stands.values()]
        if memory.missing_since:
            times.append(memory.missing_since + LOOK_FOR_TARGETS)
        if told.rollout_seconds > old.rollout_seconds:
            times.append(self._now() + SOON)  # it requires an earlier renewal than was just planned
        return min(times, default=None)


def _rolls(environment: EscEnvironment) -> bool:
    return environment.rollout.policy == "OnChange" and not environment.suspend


def _overview(memory: RolloutMemory, filled: Sequence[tuple[Site, SyncRecord]], *, begins: bool) -> Overview:
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


def _digest(memory: RolloutMemory, filled: Sequence[tuple[Site, SyncRecord]]) -> str:
    right = {
        site.key: record.revision
        for site, record in filled
        if not record.leaves_pods and memory.right.get(site.local.key.namespace) == record.revision
    }
    return digest_versions(right)
