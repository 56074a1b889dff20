"""Which workloads have to be rolled, which are rolling, and what is reported about them. Pure.

A pod template names the revision of each Secret that its pods should have. A workload whose template names the current
one needs nothing more: so a replay, a restart of the operator or a change without new data rolls nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.formats.durations import format_duration
from esc_operator.formats.times import format_time
from esc_operator.resources import reasons
from esc_operator.resources.conditions import LIFETIME_TOO_SHORT, ROLLED_OUT, Condition, find_condition
from esc_operator.resources.workloads import Progress, Stamp, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.resources.environment import EscEnvironment, Rollout, RolloutTarget
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

LOOK_AGAIN = timedelta(seconds=2)
"""While new pods start."""
LOOK_SELDOM = timedelta(seconds=30)
"""While only another party can act."""
SHORT_LIFETIME = 4
"""A lifetime of fewer rollouts than this is too short for them."""
STALLED_AFTER = timedelta(minutes=10)
"""For most kinds, no controller reports that new pods do not come: this long without a new one is too long."""
SKEW = timedelta(seconds=10)
"""How much the clocks of this process and of the API server may differ."""
UNHURRIED = timedelta(hours=1)
"""Values that do not expire are rolled out as if the previous ones lived this much longer: they neither go ahead of
credentials that expire, nor wait behind them for ever."""

_NEEDS_SOMEBODY = frozenset({reasons.ROLLOUT_REFUSED, reasons.ROLLOUT_STUCK, reasons.ROLLOUT_BLOCKED})
PASSING = frozenset({reasons.ROLLING_OUT, reasons.ROLLOUT_WAITING})
"""Problems that pass by themselves."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A workload whose pods do not all have the current values yet, and why. `until`: nothing to do before."""

    workload: Workload
    reason: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """`roll`: the workloads whose template has to be stamped now. `behind`: those that are not done, the worst
    first."""

    roll: tuple[Workload, ...]
    behind: tuple[Behind, ...]
    concerned: int

    @property
    def is_done(self) -> bool:
        return not self.roll and not self.behind

    @property
    def needs_somebody(self) -> bool:
        """Whether there is a problem that does not pass by itself."""
        return any(one.reason in _NEEDS_SOMEBODY for one in self.behind)

    @property
    def moves(self) -> bool:
        """Whether anything continues by itself."""
        return bool(self.roll) or any(one.reason in PASSING for one in self.behind)

    @property
    def reason(self) -> str:
        """The worst reason why it is not done."""
        return self.behind[0].reason if self.behind else reasons.ROLLING_OUT


SEVERITY = (
    reasons.ROLLOUT_REFUSED,
    reasons.ROLLOUT_STUCK,
    reasons.ROLLOUT_BLOCKED,
    reasons.ROLLOUT_REVERTED,
    reasons.ROLLING_OUT,
    reasons.ROLLOUT_WAITING,
)
"""The order in which problems are reported: first those that need a person."""

_STOPS = {
    reasons.ROLLOUT_REFUSED: "refused",
    reasons.ROLLOUT_STUCK: "stuck",
    reasons.ROLLOUT_BLOCKED: "blocked",
    reasons.ROLLOUT_REVERTED: "reverted",
}

_REVERTED = "something else removed the operator's annotation from its pod template; it is restored"


def concerned_by(rollout: Rollout, secret: str, workloads: Iterable[Workload]) -> tuple[Workload, ...]:
    """The workloads that the environment rolls: those named, or all whose pods take the Secret."""
    if rollout.targets:
        return tuple(one for one in workloads if any(is_meant(target, one) for target in rollout.targets))
    return tuple(one for one in workloads if secret in one.secrets)


def plan_rollout(
    environment: EscEnvironment,
    record: SyncRecord,
    workloads: Sequence[Workload],
    stamped: Mapping[str, datetime],
    now: datetime,
) -> RolloutPlan:
    """`workloads` are those concerned; `stamped` says when this process stamped each UID with this revision."""
    secret = environment.target.name
    roll: list[Workload] = []
    behind: list[Behind] = []
    for workload in workloads:
        stamp = workload.stamps.get(secret)
        if stamp and stamp.revision == record.revision:
            behind.extend(_on_its_way(workload))
        elif _needs_roll(workload, stamp, record):
            reverted = stamped.get(workload.uid)
            held_up = _held_up(workload, reverted, environment.rollout.min_interval, now)
            if held_up:
                behind.append(held_up)
            else:
                roll.append(workload)
                if reverted:
                    behind.append(Behind(workload, reasons.ROLLOUT_REVERTED, _REVERTED))
    return RolloutPlan(tuple(roll), _by_gravity(behind), len(workloads))


def held_back(plan: RolloutPlan, behind: Sequence[Behind]) -> RolloutPlan:
    """The plan if some of those to be rolled cannot be."""
    uids = {one.workload.uid for one in behind}
    return replace(
        plan,
        roll=tuple(one for one in plan.roll if one.uid not in uids),
        behind=_by_gravity([*plan.behind, *behind]),
    )


def for_its_turn(workload: Workload, ahead: int, at_once: int, now: datetime) -> Behind:
    """A workload that waits behind this many others. Each turn takes a while, so one far behind asks rarely."""
    until = now + min(LOOK_AGAIN * (1 + ahead // at_once), LOOK_SELDOM)
    return Behind(workload, reasons.ROLLOUT_WAITING, "it waits for its turn among all rollouts of the cluster", until)


def deadline_of(record: SyncRecord, now: datetime) -> datetime:
    """When the pods have to have the current values: the earlier, the earlier they are rolled."""
    return record.replaced_expires_at or (record.changed_at or now) + UNHURRIED


def judge_stalled(workload: Workload, since: datetime, now: datetime) -> Workload:
    """The workload, judged stuck if its pods have not progressed since then for too long."""
    if workload.progress is not Progress.RUNNING or now < since + STALLED_AFTER:
        return workload
    why = f"{workload.message}, and nothing has moved for {format_duration(STALLED_AFTER)}"
    return replace(workload, progress=Progress.STUCK, message=why)


def time_rollout(old: Status, plan: RolloutPlan, record: SyncRecord, now: datetime) -> tuple[datetime | None, int]:
    """When the current rollout started, and how many seconds the last one took.

    A rollout that waits for a person says nothing about the duration of rollouts. One that newer values have overtaken
    took at least until then: if all are overtaken, no rollout ever ends, and that has to be reported.
    """
    started, seconds = timed_so_far(old, record)
    if plan.is_done:
        return None, whole_seconds(now - started) if started else seconds
    if plan.needs_somebody:
        return None, seconds
    return started or (now.replace(microsecond=0) if plan.roll else None), seconds


def timed_so_far(old: Status, record: SyncRecord) -> tuple[datetime | None, int]:
    """As in the last status, unless newer values have come since."""
    started, seconds = old.rollout_started_at, old.rollout_seconds
    if started and record.changed_at and started < record.changed_at:
        return None, max(seconds, whole_seconds(record.changed_at - started))
    return started, seconds


def whole_seconds(span: timedelta) -> int:
    return max(1, round(span.total_seconds()))


def stamps_for(workload: Workload, secret: str, record: SyncRecord, now: datetime) -> dict[str, Stamp]:
    """The stamps for the workload's template: a new one for this Secret, and the old ones for others."""
    return {**workload.stamps, secret: Stamp(record.revision, now)}


def look_again_at(plan: RolloutPlan, now: datetime) -> datetime | None:
    """When to look at the workloads again; None if all of them are done."""
    if plan.is_done:
        return None
    times = [one.until or now + (LOOK_SELDOM if one.reason in _NEEDS_SOMEBODY else LOOK_AGAIN) for one in plan.behind]
    return min([*times, *([now + LOOK_AGAIN] if plan.roll else [])])


def rolled_out(environment: EscEnvironment, plan: RolloutPlan, record: SyncRecord, secret: str) -> Condition:
    """The condition RolledOut."""
    generation = environment.generation
    if plan.is_done:
        if not plan.concerned:
            return Condition(
                ROLLED_OUT, "True", reasons.NOTHING_TO_ROLL, f'no workload takes Secret "{secret}"', generation
            )
        message = f"{_count(plan.concerned)} with the current values"
        return Condition(ROLLED_OUT, "True", reasons.ROLLED_OUT, message, generation)
    message = describe_behind(plan) + describe_deadline(record)
    return Condition(ROLLED_OUT, "False", plan.reason, message, generation)


def describe_behind(plan: RolloutPlan, named: int = 5) -> str:
    """Which workloads are behind, for people: the first `named` by name, the worst first."""
    told = [f"{one.workload}: {one.why}" for one in plan.behind]
    told += [f"{workload}: its pods are replaced" for workload in plan.roll]
    return "; ".join(told[:named]) + (f"; and {len(told) - named} more" if len(told) > named else "")


def describe_deadline(record: SyncRecord) -> str:
    """For a message about workloads that are behind: until when the previous values can still be used."""
    if record.replaced_expires_at is None:
        return ""
    return f". The previous values expire at {format_time(record.replaced_expires_at)}"


def end_of_rollout(old: Status, told: Condition) -> str:
    """How a rollout has just ended or stopped, in one word; "" if it has not."""
    before = find_condition(old.conditions, ROLLED_OUT)
    if told.status == "True":
        return "completed" if before and before.status != "True" else ""
    return _STOPS.get(told.reason, "") if before is None or before.reason != told.reason else ""


def lifetime_warning(environment: EscEnvironment, lifetime: timedelta | None, rollout: timedelta) -> Condition | None:
    """A warning if a lifetime is too short for the rollouts that it causes, by the duration of the last one."""
    if lifetime is None or not rollout or lifetime >= rollout * SHORT_LIFETIME:
        return None
    message = (
        f"credentials live for {format_duration(lifetime)}, and a rollout took {format_duration(rollout)}: ask for a "
        "longer duration, or let the pods read a mounted file instead of their environment"
    )
    return Condition(LIFETIME_TOO_SHORT, "True", reasons.LIFETIME_TOO_SHORT, message, environment.generation)


def is_meant(target: RolloutTarget, workload: Workload) -> bool:
    """Whether the target names the workload, or its labels match."""
    if target.kind != workload.kind:
        return False
    if target.name:
        return target.name == workload.name
    return target.labels.items() <= dict(workload.labels).items()


def _needs_roll(workload: Workload, stamp: Stamp | None, record: SyncRecord) -> bool:
    if stamp is not None:
        return True  # it names another revision
    if record.changed_at is None:
        return False  # the Secret's first data: no pod can hold any other
    # A workload that is younger than the data has never had other data.
    return workload.created_at is None or workload.created_at <= record.changed_at + SKEW


def _held_up(workload: Workload, reverted: datetime | None, min_interval: timedelta, now: datetime) -> Behind | None:
    """`reverted` is when the missing stamp was set."""
    if workload.progress in {Progress.PAUSED, Progress.ON_DELETE}:
        return Behind(workload, reasons.ROLLOUT_BLOCKED, workload.message)
    # Whichever Secret it was rolled for. A time in the future comes from a clock that was set back, and is not waited
    # for.
    times = [*(stamp.at for stamp in workload.stamps.values()), reverted]
    last = max((time for time in times if time and time <= now), default=None)
    if last is None or now >= last + min_interval:
        return None
    if reverted:
        return Behind(workload, reasons.ROLLOUT_REVERTED, _REVERTED, last + min_interval)
    why = f"it was rolled less than {format_duration(min_interval)} ago"
    return Behind(workload, reasons.ROLLOUT_WAITING, why, last + min_interval)


def _on_its_way(workload: Workload) -> Iterable[Behind]:
    match workload.progress:
        case Progress.DONE:
            return ()
        case Progress.RUNNING:
            return (Behind(workload, reasons.ROLLING_OUT, workload.message),)
        case Progress.STUCK:
            return (Behind(workload, reasons.ROLLOUT_STUCK, workload.message),)
        case Progress.PAUSED | Progress.ON_DELETE | Progress.PARTITIONED:
            return (Behind(workload, reasons.ROLLOUT_BLOCKED, workload.message),)


def _by_gravity(behind: Iterable[Behind]) -> tuple[Behind, ...]:
    return tuple(sorted(behind, key=lambda one: (SEVERITY.index(one.reason), one.workload.kind, one.workload.name)))


def _count(workloads: int) -> str:
    return "1 workload runs" if workloads == 1 else f"all {workloads} workloads run"
