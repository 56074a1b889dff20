"""Rollouts in all namespaces of a ClusterEscEnvironment: which are known to be right, and reports about the others.
Pure.

Each namespace is compared with its own Secret, so one whose Secret cannot be written does not count as behind. A status
describes all of them in a bounded number of words; after a restart, its digest of those that are right shows which ones
need no look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.formats.durations import format_duration
from esc_operator.formats.phrases import counted
from esc_operator.kube.events import Event
from esc_operator.reconciliation.fan_out.plan import NAMED, Site, digest_versions
from esc_operator.reconciliation.rollouts.plan import (
    PASSING,
    SEVERITY,
    RolloutPlan,
    describe_behind,
    describe_deadline,
    look_again_at,
    timed_so_far,
    whole_seconds,
)
from esc_operator.resources import reasons
from esc_operator.resources.conditions import ROLLED_OUT, Condition, find_condition
from esc_operator.resources.status import FailingNamespace
from esc_operator.resources.warnings import StatusWarning, make_warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.errors import KubeError
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

LONGEST_MESSAGE = 256
"""Characters of the message about one namespace: workloads have long names, and there are many namespaces."""


@dataclass(frozen=True, slots=True)
class Stand:
    """The state of a namespace whose Secret has `revision`, and some of whose workloads do not run with it.

    `reason` is the worst reason why they do not. `moves`: some of it continues by itself. The last look was at
    `seen_at`, and there is nothing to do before `look_at`.
    """

    revision: str
    reason: str
    message: str
    moves: bool
    seen_at: datetime
    look_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """All namespaces whose Secrets are filled: how many, how many of them run with their Secret's values, and the state
    of the others. In `left` of them pods keep their values, because a rotation excluded a rollout. `concerned`: whether
    any workload takes the Secret, None if that is not known. `begins`: the replacement of some pods was just requested.
    `finished_at`: when the last namespace ended its rollout."""

    filled: int
    rolled: int
    left: int
    stands: Mapping[str, Stand]
    concerned: bool | None
    begins: bool = False
    finished_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        return not self.stands and not self.left

    @property
    def moves(self) -> bool:
        return any(stand.moves for stand in self.stands.values())

    def behind(self) -> list[FailingNamespace]:
        """Those that are not right, the worst first."""
        order = sorted(self.stands.items(), key=lambda one: (_severity(one[1].reason), one[0]))
        return [FailingNamespace(namespace, stand.reason, stand.message) for namespace, stand in order]


def filled_sites(sites: Iterable[Site], seals: Sequence[str]) -> list[tuple[Site, SyncRecord]]:
    """The namespaces whose Secret holds values of the operator."""
    return [(site, record) for site in sites if (record := site.record) and record.seal in seals]


def known_to_be_right(status: Status, filled: Iterable[tuple[Site, SyncRecord]]) -> dict[str, str]:
    """After a start: the revision that all workloads of a namespace run with, for the namespaces that the status
    vouches for. It has one digest for all of them together, so any difference in namespaces or Secrets since then makes
    all unknown."""
    behind = {one.namespace for one in status.namespaces.behind} if status.namespaces else set()
    right = {
        site.key: record.revision
        for site, record in filled
        if not record.leaves_pods and site.local.key.namespace not in behind
    }
    if digest_versions(right) != status.rollout_digest:
        return {}
    return {key.namespace: revision for key, revision in right.items()}


def is_due(stand: Stand | None, record: SyncRecord, now: datetime) -> bool:
    """Whether a namespace that is not known to be right has to be looked at."""
    if stand is None or stand.revision != record.revision:
        return True
    # A look in the future comes from a clock that was set back.
    return not stand.seen_at <= now < stand.look_at


def stand_of(plan: RolloutPlan, record: SyncRecord, now: datetime) -> Stand:
    """The state of one namespace whose workloads are not done."""
    look_at = look_again_at(plan, now) or now
    return Stand(record.revision, plan.reason, _cut(describe_behind(plan, 2)), plan.moves, now, look_at)


def stand_of_failure(error: KubeError, record: SyncRecord, due: datetime, now: datetime) -> Stand:
    message = _cut(f"its workloads could not be rolled: {error.message}")
    return Stand(record.revision, error.reason, message, moves=False, seen_at=now, look_at=due)


def unseen(record: SyncRecord, now: datetime) -> Stand:
    """The state of a namespace that could not be looked at."""
    why = "its workloads were not checked yet"
    return Stand(record.revision, reasons.ROLLOUT_WAITING, why, moves=True, seen_at=now, look_at=now)


def time_rollouts(old: Status, overview: Overview, record: SyncRecord, now: datetime) -> tuple[datetime | None, int]:
    """When the current rollouts started, and how many seconds the last ones took, up to the last pod that came by
    itself: one namespace whose pods never come must not make the renewals of all earlier."""
    started, seconds = timed_so_far(old, record)
    if overview.moves:
        return started or (now.replace(microsecond=0) if overview.begins else None), seconds
    end = now if overview.is_done else overview.finished_at
    return None, whole_seconds(end - started) if started and end and end >= started else seconds


def all_rolled_out(environment: EscEnvironment, old: Status, overview: Overview, record: SyncRecord) -> Condition:
    """The condition RolledOut for all namespaces together."""
    generation = environment.generation
    if overview.is_done:
        if _concerns_none(old, overview):
            message = f'no workload takes Secret "{environment.target.name}" in {counted(overview.filled, "namespace")}'
            return Condition(ROLLED_OUT, "True", reasons.NOTHING_TO_ROLL, message, generation)
        message = f"all workloads in {counted(overview.filled, 'namespace')} run with the current values"
        return Condition(ROLLED_OUT, "True", reasons.ROLLED_OUT, message, generation)
    if not overview.stands:
        why = "a rotation without rollout has changed the Secrets: pods take their values when they are next replaced"
        return Condition(ROLLED_OUT, "False", reasons.PODS_LEFT, why, generation)
    behind = overview.behind()
    named = "; ".join(f"{one.namespace}: {one.message}" for one in behind[:NAMED])
    more = f"; and {len(behind) - NAMED} more" if len(behind) > NAMED else ""
    rolled = f"{overview.rolled} of {counted(overview.filled, 'namespace')} run with the current values"
    message = f"{rolled}{describe_deadline(record)}. Behind are {named}{more}"
    return Condition(ROLLED_OUT, "False", behind[0].reason, message, generation)


def warn_of_missing_everywhere(environment: EscEnvironment, told: Condition, filled: int) -> tuple[StatusWarning, ...]:
    """The warning that no namespace has any workload that the environment names. Some of the namespaces need not have
    them."""
    if not environment.rollout.targets or told.reason != reasons.NOTHING_TO_ROLL:
        return ()
    message = (
        f"spec.rollout.targets: no workload that they mean exists in {counted(filled, 'namespace')}, and so none is "
        "rolled: correct kind, name or labels, or create one, which the operator notices within minutes"
    )
    return (make_warning(reasons.WORKLOADS_MISSING, message),)


def _concerns_none(old: Status, overview: Overview) -> bool:
    if overview.concerned is not None:
        return not overview.concerned
    before = find_condition(old.conditions, ROLLED_OUT)
    return before is not None and before.reason == reasons.NOTHING_TO_ROLL


def rollout_events(old: Status, new: Status, told: set[str]) -> tuple[Event, ...]:
    """The events for the change from one status to the next: rollouts start, have new problems, or have ended.

    `told` holds the problems of these rollouts that already have events; a new one is added. A problem of many
    namespaces gets one event, and the status names the namespaces.
    """
    before, after = find_condition(old.conditions, ROLLED_OUT), find_condition(new.conditions, ROLLED_OUT)
    if after is None:
        return ()
    events = []
    if new.rollout_started_at and new.rollout_started_at != old.rollout_started_at:
        events.append(Event("Normal", reasons.ROLLING_OUT, after.message))
    if after.status != "True" and after.reason not in PASSING:
        if after.reason not in told and not (before and before.reason == after.reason):
            events.append(Event("Warning", after.reason, after.message))
        told.add(after.reason)
    if after.status == "True" and old.rollout_started_at and not (before and before.status == "True"):
        took = format_duration(new.rollout_time)
        events.append(Event("Normal", reasons.ROLLED_OUT, f"{after.message}, after {took}"))
    return tuple(events)


def _severity(reason: str) -> int:
    """Any other reason is a failure of the API server: it passes, and is reported before what goes well."""
    return SEVERITY.index(reason) if reason in SEVERITY else SEVERITY.index(reasons.ROLLING_OUT)


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
