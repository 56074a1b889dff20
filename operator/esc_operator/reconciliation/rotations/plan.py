"""What an EscRotation has to do next: whether to begin a run, whom to ask now, and what to tell. Pure.

A run asks environments by turns among namespaces, in each of them in the order of expiry, so many at a time, and each
at most once. What has become of those asked is judged anew at each look, from what is known of them: nothing that is
decided here has to be remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from esc_operator.reconciliation.rotations.schedule import InvalidScheduleError, last_time, next_time
from esc_operator.resources import reasons
from esc_operator.resources.conditions import Condition, carry_transition_times, find_condition
from esc_operator.resources.rotation import (
    COMPLETE,
    FAILED,
    MAX_TOLD,
    Counts,
    EscRotation,
    Failure,
    Phase,
    Planned,
    RotationStatus,
)
from esc_operator.resources.rotation_selection import FITS_WIDELY, by_turns, tell_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.resources.environment import Key
    from esc_operator.resources.rotate_request import AskedRotation
    from esc_operator.resources.rotation_selection import Candidate
    from esc_operator.resources.sync_record import SyncRecord

PATIENCE = 3
"""What may pass by itself has been in the way of an environment so many times before it counts as failed."""


class State(StrEnum):
    """Of one environment that was asked. GONE are those that were deleted meanwhile: they count nowhere."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    GONE = "Gone"


LEAST_NAMESPACES = 2
"""However few failures may be: no single namespace stops a rotation for the others."""

MAX_NAMED = 5
"""So many namespaces are named in a message."""

FINAL = frozenset({State.SUCCEEDED, State.GONE})
"""What these are, they stay; one that failed is tried again by itself, and one that was skipped may be taken up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an environment, and where it failed why."""

    state: State
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. What was issued at `asks_from` or later honours it."""

    id: str
    started_at: datetime
    rolls: bool

    @property
    def asks_from(self) -> datetime:
        # The next whole second: times are kept in those, and of what was issued in this one some may be older.
        return self.started_at + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps an environment from new values, or its pods from having them. `final`: nobody waits for it to pass."""

    reason: str
    message: str
    final: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an environment that was asked: the record of its Secret, what asks it, and what is in its way.

    `rolls`: its pods are to be replaced. `rolled_out` is the revision that all of them are known to hold. Of a
    ClusterEscEnvironment, `lags` says that not all namespaces have what the record is of, and `idle` that it has seen
    the request and there is no namespace with anything to be renewed.
    """

    record: SyncRecord | None
    asked: AskedRotation | None
    trouble: Trouble | None = None
    suspended: bool = False
    rolls: bool = False
    rolled_out: str = ""
    rollout_trouble: Trouble | None = None
    lags: bool = False
    lag_trouble: Trouble | None = None
    idle: bool = False


def judge(run: Run, seen: Seen | None) -> Outcome:
    """What has become of an environment that was asked."""
    if seen is None:
        return Outcome(State.GONE)
    if seen.idle and is_asked(run, seen.asked):
        return Outcome(State.SUCCEEDED)
    if seen.record and is_honoured(run, seen.record, seen.asked):
        return _judge_filled(run, seen, seen.record)
    return Outcome(State.SKIPPED) if seen.suspended else _unless_in_trouble(seen.trouble)


def _judge_filled(run: Run, seen: Seen, record: SyncRecord) -> Outcome:
    """Of one that has new values: whether they have reached all whom they are for."""
    if seen.lags:
        return Outcome(State.SKIPPED) if seen.suspended else _unless_in_trouble(seen.lag_trouble)
    if not (run.rolls and seen.rolls) or record.leaves_pods or seen.rolled_out == record.revision:
        return Outcome(State.SUCCEEDED)
    return _unless_in_trouble(seen.rollout_trouble)


def is_asked(run: Run, asked: AskedRotation | None) -> bool:
    """Whether what asks an environment is this run, or a later one, which then stands for this one too."""
    return asked is not None and (asked.id == run.id or asked.requested_at >= run.asks_from)


def is_honoured(run: Run, record: SyncRecord, asked: AskedRotation | None) -> bool:
    if record.rotation == run.id:
        return True
    return asked is not None and record.rotation == asked.id and is_asked(run, asked)


def _unless_in_trouble(trouble: Trouble | None) -> Outcome:
    if trouble and trouble.final:
        return Outcome(State.FAILED, trouble.reason, trouble.message)
    return Outcome(State.RUNNING)


@dataclass(frozen=True, slots=True)
class Begin:
    """A run begins: this status has to be written before anybody is asked."""

    status: RotationStatus


@dataclass(frozen=True, slots=True)
class GoOn:
    """A run is under way."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do before `until`; None: not before somebody changes it."""

    status: RotationStatus
    until: datetime | None = None


def what_now(rotation: EscRotation, old: RotationStatus, now: datetime) -> Begin | GoOn | Idle:
    """Whether a run begins, goes on, or is waited for."""
    if old.is_under_way:
        return GoOn()
    if not rotation.schedule:
        if old.run:
            return Idle(replace(old, observed_generation=rotation.generation))
        return Idle(_not_yet(rotation, old, now)) if rotation.suspend else Begin(_begun(rotation, old, now))
    since = old.last_schedule_time or rotation.created_at or now
    try:
        due = last_time(rotation.schedule, rotation.time_zone, since, now)
        upcoming = next_time(rotation.schedule, rotation.time_zone, now)
    except InvalidScheduleError as error:
        return Idle(_invalid(rotation, old, str(error), now))
    if due and not rotation.suspend:
        return Begin(replace(_begun(rotation, old, now), last_schedule_time=due, next_schedule_time=upcoming))
    # What comes due while it is suspended is not made up for.
    status = replace(
        _not_yet(rotation, old, now),
        last_schedule_time=due or old.last_schedule_time,
        next_schedule_time=None if rotation.suspend else upcoming,
    )
    return Idle(status, upcoming)


def plan_dry_run(
    rotation: EscRotation, old: RotationStatus, selected: Sequence[Candidate], now: datetime
) -> RotationStatus:
    """All that a dry run does."""
    meant = [one for one in selected if not one.suspended]
    counts = Counts(len(selected), waiting=len(meant), skipped=len(selected) - len(meant))
    message = f"{_environments(len(meant))} would be asked, and {counts.skipped} suspended left out; nothing was done"
    if unsure := sum(one.unsure for one in meant):
        message += f"; of {unsure} of them the role is not told, so they may use it"
    if wide := sum(one.wide for one in meant):
        message += f"; of {wide} of them the role {FITS_WIDELY}"
    told = "True", reasons.DRY_RUN, message
    if not meant and not rotation.allows_none:
        told = "False", reasons.NOTHING_SELECTED, tell_nothing(rotation.selector, counts.skipped)
    return _tell(
        rotation,
        replace(
            old,
            phase=Phase.DRY_RUN,
            counts=counts,
            planned=tuple(Planned(one.key, one.expires_at, one.unsure) for one in list(by_turns(meant))[:MAX_TOLD]),
            completed_at=now.replace(microsecond=0),
        ),
        old,
        told,
        now,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to ask now, and those whose turn it was that are suspended."""

    asked: tuple[Candidate, ...] = ()
    suspended: tuple[Candidate, ...] = ()


def next_candidates(
    rotation: EscRotation,
    old: RotationStatus,
    outcomes: Mapping[Key, Outcome],
    waiting: Sequence[Candidate],
    is_suspended: Callable[[Candidate], bool] = lambda _: False,
) -> Choice:
    """The next environments, by turns among namespaces, as far as there is room for them."""
    room = rotation.at_once - sum(outcome.state is State.RUNNING for outcome in outcomes.values())
    if rotation.suspend or room <= 0 or _is_stopped(rotation, old, outcomes):
        return Choice()
    asked: list[Candidate] = []
    suspended: list[Candidate] = []
    running = Counter(key.namespace for key, outcome in outcomes.items() if outcome.state is State.RUNNING)
    for one in by_turns(_open_to(rotation, outcomes, waiting), running, Counter(key.namespace for key in outcomes)):
        if is_suspended(one):
            suspended.append(one)
        elif len(asked) < room:
            asked.append(one)
        else:
            break
    return Choice(tuple(asked), tuple(suspended))


def tell_run(
    rotation: EscRotation,
    old: RotationStatus,
    outcomes: Mapping[Key, Outcome],
    waiting: Sequence[Candidate],
    now: datetime,
) -> RotationStatus:
    """The status of a run that has come so far."""
    states = Counter(outcome.state for outcome in outcomes.values())
    counts = Counts(
        selected=len(outcomes) - states[State.GONE] + len(waiting),
        waiting=len(waiting),
        running=states[State.RUNNING],
        succeeded=states[State.SUCCEEDED],
        failed=states[State.FAILED],
        skipped=states[State.SKIPPED],
    )
    failures = sorted((key, one) for key, one in outcomes.items() if one.state is State.FAILED)[:MAX_TOLD]
    stopped = _is_stopped(rotation, old, outcomes)
    is_over = not counts.running and (stopped or not _open_to(rotation, outcomes, waiting))
    # What was there and is gone is none that was never there, also for an operator that takes over.
    was_somebody = not counts.skipped and (states[State.GONE] or old.counts.selected)
    is_nobody = is_over and counts.selected == counts.skipped and not was_somebody
    if is_nobody and not rotation.allows_none:
        phase, told = Phase.FAILED, ("False", reasons.NOTHING_SELECTED, tell_nothing(rotation.selector, counts.skipped))
    else:
        phase = _phase(rotation, counts, stopped=stopped or (is_over and bool(waiting)), is_over=is_over)
        told = _run_told(rotation, outcomes, counts, phase)
    status = replace(
        old,
        phase=phase,
        counts=counts,
        failures=tuple(Failure(key, one.reason, one.message) for key, one in failures),
        completed_at=now.replace(microsecond=0) if is_over else None,
    )
    return _tell(rotation, status, old, told, now)


def _failures(outcomes: Mapping[Key, Outcome]) -> Counter[str]:
    """How many have failed in which namespace; those of the cluster count as one of their own."""
    return Counter(key.namespace for key, outcome in outcomes.items() if outcome.state is State.FAILED)


def _is_stopped(rotation: EscRotation, old: RotationStatus, outcomes: Mapping[Key, Outcome]) -> bool:
    """Once stopped it stays so, though some of those that failed may come round."""
    if old.phase is Phase.STOPPED:
        return True
    return rotation.stop_after is not None and len(_failures(outcomes)) >= max(rotation.stop_after, LEAST_NAMESPACES)


def _open_to(
    rotation: EscRotation, outcomes: Mapping[Key, Outcome], waiting: Sequence[Candidate]
) -> Sequence[Candidate]:
    """Those in whose namespaces not too many have failed."""
    closed = _closed(rotation, outcomes)
    return [one for one in waiting if one.key.namespace not in closed] if closed else waiting


def _closed(rotation: EscRotation, outcomes: Mapping[Key, Outcome]) -> dict[str, int]:
    """The namespaces in which so many have failed that no more are asked there."""
    limit = rotation.stop_after
    return {name: count for name, count in sorted(_failures(outcomes).items()) if limit and count >= limit}


def _phase(rotation: EscRotation, counts: Counts, *, stopped: bool, is_over: bool) -> Phase:
    if stopped:
        return Phase.STOPPED
    if not is_over:
        return Phase.SUSPENDED if rotation.suspend else Phase.RUNNING
    return Phase.FAILED if counts.failed else Phase.SUCCEEDED


def _run_told(
    rotation: EscRotation, outcomes: Mapping[Key, Outcome], counts: Counts, phase: Phase
) -> tuple[str, str, str]:
    """Status, reason and message of the condition Complete."""
    done = f"{counts.succeeded} of {_environments(counts.selected - counts.skipped)} have new values"
    rest = f"{counts.running} under way, {counts.waiting} waiting, {counts.failed} failed, {counts.skipped} left out"
    closed = _closed(rotation, outcomes)
    halted = f"; no more are asked in {_tell_closed(closed)}" if closed else ""
    match phase:
        case Phase.SUCCEEDED:
            return "True", reasons.ROTATED, f"{done}; {counts.skipped} left out"
        case Phase.FAILED:
            again = "the operator goes on trying what may pass by itself"
            return "False", reasons.ROTATION_FAILED, f"{done}; {counts.failed} failed ({again})"
        case Phase.STOPPED:
            where = len(_failures(outcomes))
            stop = f"spec.stopAfterFailures is {rotation.stop_after}" if rotation.stop_after else "it was stopped"
            why = f"{counts.failed} failed in {_namespaces(where)} ({stop}){halted}"
            return "False", reasons.ROTATION_STOPPED, f"{done}; {why}: {rest}"
        case Phase.SUSPENDED:
            return "False", reasons.SUSPENDED, f"spec.suspend is true: nobody more is asked; {done}; {rest}"
        case _:
            return "False", reasons.ROTATING, f"{done}; {rest}{halted}"


def _tell_closed(closed: Mapping[str, int]) -> str:
    named = [f"{name or 'those of the cluster'} ({count} failed)" for name, count in closed.items()]
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return ", ".join(named[:MAX_NAMED]) + more


def _begun(rotation: EscRotation, old: RotationStatus, now: datetime) -> RotationStatus:
    status = replace(
        old,
        phase=Phase.RUNNING,
        run=old.run + 1,
        counts=Counts(),
        failures=(),
        planned=(),
        started_at=now.replace(microsecond=0),
        completed_at=None,
    )
    return _tell(rotation, status, old, ("False", reasons.ROTATING, "it has begun"), now)


def _not_yet(rotation: EscRotation, old: RotationStatus, now: datetime) -> RotationStatus:
    """Between two runs the last one is told, and before the first what it waits for."""
    told_last = find_condition(old.conditions, COMPLETE)
    if old.run and told_last and told_last.reason != reasons.INVALID_SCHEDULE:
        return replace(old, observed_generation=rotation.generation)
    if rotation.suspend:
        told = "False", reasons.SUSPENDED, "spec.suspend is true: nothing is begun"
        return _tell(rotation, replace(old, phase=Phase.SUSPENDED), old, told, now)
    told = "False", reasons.SCHEDULED, "it waits for the next time of its schedule"
    return _tell(rotation, replace(old, phase=Phase.PENDING), old, told, now)


def _invalid(rotation: EscRotation, old: RotationStatus, why: str, now: datetime) -> RotationStatus:
    status = replace(old, phase=Phase.FAILED, next_schedule_time=None)
    return _tell(rotation, status, old, ("False", reasons.INVALID_SCHEDULE, why), now)


def _tell(
    rotation: EscRotation, status: RotationStatus, old: RotationStatus, told: tuple[str, str, str], now: datetime
) -> RotationStatus:
    """The status with its conditions; Failed is there for whoever waits for either of the two."""
    is_complete, reason, message = told
    failed = status.phase in {Phase.FAILED, Phase.STOPPED} or reason == reasons.NOTHING_SELECTED
    has_failed = "True" if failed else "False"
    conditions = (
        Condition(COMPLETE, "True" if is_complete == "True" else "False", reason, message, rotation.generation),
        Condition(FAILED, has_failed, reason, message, rotation.generation),  # type: ignore[arg-type]
    )
    return replace(
        status,
        conditions=carry_transition_times(conditions, old.conditions, now),
        observed_generation=rotation.generation,
    )


def _environments(count: int) -> str:
    return f"{count} environment{'' if count == 1 else 's'}"


def _namespaces(count: int) -> str:
    return f"{count} namespace{'' if count == 1 else 's'}"
