"""Which workloads have to be rolled, which are on their way, and what is told of them. Pure.

A pod template names the revision of each Secret that its pods have to hold. A workload whose template names the present
one needs nothing more done: so a replay, a restart of the operator or a change without new data rolls nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.resources import reasons
from esc_operator.resources.conditions import LIFETIME_TOO_SHORT, ROLLED_OUT, Condition
from esc_operator.resources.durations import format_duration
from esc_operator.resources.times import format_time
from esc_operator.resources.workloads import Progress, Stamp, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from esc_operator.resources.environment import EscEnvironment, Rollout, RolloutTarget
    from esc_operator.resources.sync_record import SyncRecord

LOOK_AGAIN = timedelta(seconds=2)
"""While pods are on their way."""
LOOK_SELDOM = timedelta(seconds=30)
"""While only somebody else can act."""
SHORT_LIFETIME = 4
"""A lifetime of fewer rollouts than this is too short for them."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A workload whose pods do not all hold the present values yet, and why. `until`: nothing is to be done before."""

    workload: Workload
    reason: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """`roll`: the workloads whose template is to be stamped now. `behind`: those that are not done, the worst first."""

    roll: tuple[Workload, ...]
    behind: tuple[Behind, ...]
    concerned: int

    @property
    def is_done(self) -> bool:
        return not self.roll and not self.behind


# The order in which trouble is told: what needs a person first.
_GRAVITY = (
    reasons.ROLLOUT_REFUSED,
    reasons.ROLLOUT_STUCK,
    reasons.ROLLOUT_BLOCKED,
    reasons.ROLLOUT_REVERTED,
    reasons.ROLLING_OUT,
    reasons.ROLLOUT_WAITING,
)


def concerned_by(rollout: Rollout, secret: str, workloads: Iterable[Workload]) -> tuple[Workload, ...]:
    """The workloads that the environment rolls: those named, or all whose pods take the Secret."""
    if rollout.targets:
        return tuple(one for one in workloads if any(_is_meant(target, one) for target in rollout.targets))
    return tuple(one for one in workloads if secret in one.secrets)


def plan_rollout(
    environment: EscEnvironment,
    record: SyncRecord,
    workloads: Sequence[Workload],
    stamped: Iterable[str],
    now: datetime,
) -> RolloutPlan:
    """`workloads` are those concerned; `stamped` the UIDs of those that this process has stamped with this revision."""
    secret, marked = environment.target.name, frozenset(stamped)
    roll: list[Workload] = []
    behind: list[Behind] = []
    for workload in workloads:
        stamp = workload.stamps.get(secret)
        if stamp and stamp.revision == record.revision:
            behind.extend(_on_its_way(workload))
        elif _needs_roll(workload, stamp, record):
            held_up = _held_up(workload, stamp, environment.rollout.min_interval, now)
            if held_up:
                behind.append(held_up)
            else:
                roll.append(workload)
                if workload.uid in marked:
                    why = "something else took the mark off its pod template; it is put back"
                    behind.append(Behind(workload, reasons.ROLLOUT_REVERTED, why))
    behind.sort(key=lambda one: (_GRAVITY.index(one.reason), one.workload.kind, one.workload.name))
    return RolloutPlan(tuple(roll), tuple(behind), len(workloads))


def stamps_for(workload: Workload, secret: str, record: SyncRecord, now: datetime) -> dict[str, Stamp]:
    """What the workload's template has to say: of this Secret anew, of others as before."""
    return {**workload.stamps, secret: Stamp(record.revision, now)}


def look_again_at(plan: RolloutPlan, now: datetime) -> datetime | None:
    """When to look at the workloads again; None when all of them are done."""
    if plan.is_done:
        return None
    times = [now + LOOK_AGAIN] if plan.roll else []
    for one in plan.behind:
        blocked = one.reason in {reasons.ROLLOUT_BLOCKED, reasons.ROLLOUT_STUCK, reasons.ROLLOUT_REFUSED}
        times.append(one.until or now + (LOOK_SELDOM if blocked else LOOK_AGAIN))
    return min(times)


def rolled_out(environment: EscEnvironment, plan: RolloutPlan, record: SyncRecord, secret: str) -> Condition:
    """The condition RolledOut."""
    generation = environment.generation
    if plan.is_done:
        if not plan.concerned:
            return Condition(
                ROLLED_OUT, "True", reasons.NOTHING_TO_ROLL, f'no workload takes Secret "{secret}"', generation
            )
        message = f"{_count(plan.concerned)} with the present values"
        return Condition(ROLLED_OUT, "True", reasons.ROLLED_OUT, message, generation)
    told = [f"{one.workload}: {one.why}" for one in plan.behind]
    told += [f"{workload}: its pods are replaced" for workload in plan.roll]
    message = "; ".join(told[:5]) + (f"; and {len(told) - 5} more" if len(told) > 5 else "")
    if record.replaced_expires_at:
        message += f". The values before expire at {format_time(record.replaced_expires_at)}"
    reason = plan.behind[0].reason if plan.behind else reasons.ROLLING_OUT
    return Condition(ROLLED_OUT, "False", reason, message, generation)


def lifetime_warning(environment: EscEnvironment, lifetime: timedelta | None, rollout: timedelta) -> Condition | None:
    """A warning where a lifetime is too short for the rollouts that it causes, as long as those last took."""
    if lifetime is None or not rollout or lifetime >= rollout * SHORT_LIFETIME:
        return None
    message = (
        f"credentials live for {format_duration(lifetime)}, and a rollout took {format_duration(rollout)}: ask for a "
        "longer duration, or let the pods read a mounted file instead of their environment"
    )
    return Condition(LIFETIME_TOO_SHORT, "True", reasons.LIFETIME_TOO_SHORT, message, environment.generation)


def as_waiting(plan: RolloutPlan, admitted: Iterable[Workload], now: datetime) -> RolloutPlan:
    """The plan where only some of the workloads may be rolled now; the others wait for their turn."""
    allowed = {workload.uid for workload in admitted}
    why = "it waits for its turn among all rollouts of the cluster"
    waiting = tuple(
        Behind(one, reasons.ROLLOUT_WAITING, why, now + LOOK_AGAIN) for one in plan.roll if one.uid not in allowed
    )
    return replace(plan, roll=tuple(one for one in plan.roll if one.uid in allowed), behind=(*plan.behind, *waiting))


def _is_meant(target: RolloutTarget, workload: Workload) -> bool:
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
    # A workload that is younger than the data has only seen this data.
    return workload.created_at is None or workload.created_at <= record.changed_at


def _held_up(workload: Workload, stamp: Stamp | None, min_interval: timedelta, now: datetime) -> Behind | None:
    if workload.progress in {Progress.PAUSED, Progress.ON_DELETE}:
        return Behind(workload, reasons.ROLLOUT_BLOCKED, workload.message)
    if stamp and stamp.at and now < stamp.at + min_interval:
        until = stamp.at + min_interval
        why = f"it was rolled less than {format_duration(min_interval)} ago"
        return Behind(workload, reasons.ROLLOUT_WAITING, why, until)
    return None


def _on_its_way(workload: Workload) -> Iterable[Behind]:
    match workload.progress:
        case Progress.DONE:
            return ()
        case Progress.RUNNING:
            return (Behind(workload, reasons.ROLLING_OUT, workload.message),)
        case Progress.STUCK:
            return (Behind(workload, reasons.ROLLOUT_STUCK, workload.message),)
        case Progress.PAUSED | Progress.ON_DELETE:
            return (Behind(workload, reasons.ROLLOUT_BLOCKED, workload.message),)


def _count(workloads: int) -> str:
    return "1 workload runs" if workloads == 1 else f"all {workloads} workloads run"
