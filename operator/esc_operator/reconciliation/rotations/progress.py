"""The status of an EscRotation: during a run, after a dry run, and between runs. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from esc_operator.formats.phrases import counted, first_of
from esc_operator.reconciliation.rotations.judgement import (
    EnvironmentState,
    closed_namespaces,
    failures_by_namespace,
    is_stopped,
    open_to,
)
from esc_operator.resources import reasons
from esc_operator.resources.conditions import Condition, carry_transition_times, find_condition
from esc_operator.resources.rotation import (
    COMPLETE,
    FAILED,
    MAX_LISTED,
    Counts,
    EscRotation,
    Failure,
    Phase,
    Planned,
    RotationStatus,
)
from esc_operator.resources.rotation_selection import FITS_WIDELY, Places, by_turns, describe_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.reconciliation.rotations.judgement import Outcome
    from esc_operator.resources.environment import Key
    from esc_operator.resources.rotation_selection import Candidate

MAX_NAMED = 5
"""How many namespaces a message names."""


def plan_dry_run(
    rotation: EscRotation,
    old: RotationStatus,
    selected: Sequence[Candidate],
    now: datetime,
    places: Callable[[], Places] = Places,
) -> RotationStatus:
    """The status of a dry run, which has no other effect. `places`: what the selector may have meant, if it selects
    nothing."""
    meant = [one for one in selected if not one.suspended]
    counts = Counts(len(selected), waiting=len(meant), skipped=len(selected) - len(meant))
    message = (
        f"{counted(len(meant), 'environment')} would be rotated, {counts.skipped} suspended left out; nothing was done"
    )
    if unsure := sum(one.unsure for one in meant):
        message += f"; the login of {unsure} of them is hidden, so they may match"
    if wide := sum(one.wide for one in meant):
        message += f"; the role of {wide} of them {FITS_WIDELY}"
    told = "True", reasons.DRY_RUN, message
    if not meant and not rotation.allows_none:
        told = "False", reasons.NOTHING_SELECTED, describe_nothing(rotation.selector, counts.skipped, places())
    return _with_conditions(
        rotation,
        replace(
            old,
            phase=Phase.DRY_RUN,
            counts=counts,
            planned=tuple(Planned(one.key, one.expires_at, one.unsure) for one in list(by_turns(meant))[:MAX_LISTED]),
            completed_at=now.replace(microsecond=0),
        ),
        old,
        told,
        now,
    )


def run_status(  # noqa: PLR0913, PLR0917 - what a run is made of
    rotation: EscRotation,
    old: RotationStatus,
    outcomes: Mapping[Key, Outcome],
    waiting: Sequence[Candidate],
    now: datetime,
    places: Callable[[], Places] = Places,
) -> RotationStatus:
    """The status of a run with this progress. `places` as in `plan_dry_run`."""
    states = Counter(outcome.state for outcome in outcomes.values())
    counts = Counts(
        selected=len(outcomes) - states[EnvironmentState.GONE] + len(waiting),
        waiting=len(waiting),
        running=states[EnvironmentState.RUNNING],
        succeeded=states[EnvironmentState.SUCCEEDED],
        failed=states[EnvironmentState.FAILED],
        skipped=states[EnvironmentState.SKIPPED],
    )
    failures = sorted((key, one) for key, one in outcomes.items() if one.state is EnvironmentState.FAILED)[:MAX_LISTED]
    stopped = is_stopped(rotation, old, outcomes)
    is_over = not counts.running and (stopped or not open_to(rotation, outcomes, waiting))
    # If selected environments were deleted since, the selection was not empty, also for an operator that takes over.
    was_somebody = not counts.skipped and (states[EnvironmentState.GONE] or old.counts.selected)
    is_nobody = is_over and counts.selected == counts.skipped and not was_somebody
    if is_nobody and not rotation.allows_none:
        phase, told = (
            Phase.FAILED,
            ("False", reasons.NOTHING_SELECTED, describe_nothing(rotation.selector, counts.skipped, places())),
        )
    else:
        phase = _phase(rotation, counts, stopped=stopped or (is_over and bool(waiting)), is_over=is_over)
        told = _completion(rotation, outcomes, counts, phase)
    status = replace(
        old,
        phase=phase,
        counts=counts,
        failures=tuple(Failure(key, one.reason, one.message) for key, one in failures),
        completed_at=now.replace(microsecond=0) if is_over else None,
    )
    return _with_conditions(rotation, status, old, told, now)


def _phase(rotation: EscRotation, counts: Counts, *, stopped: bool, is_over: bool) -> Phase:
    if stopped:
        return Phase.STOPPED
    if not is_over:
        return Phase.SUSPENDED if rotation.suspend else Phase.RUNNING
    return Phase.FAILED if counts.failed else Phase.SUCCEEDED


def _completion(
    rotation: EscRotation, outcomes: Mapping[Key, Outcome], counts: Counts, phase: Phase
) -> tuple[str, str, str]:
    """Status, reason and message of the condition Complete."""
    same = sum(one.reason == reasons.NOTHING_RENEWED for one in outcomes.values())
    done = f"{counts.succeeded - same} of {counted(counts.selected - counts.skipped, 'environment')} have new values"
    if same:
        done += f", and {same} open no provider and have no rotator, so that nothing was renewed"
    rest = f"{counts.running} running, {counts.waiting} waiting, {counts.failed} failed, {counts.skipped} left out"
    closed = closed_namespaces(rotation, outcomes)
    halted = f"; stopped in {_name_closed(closed)}" if closed else ""
    match phase:
        case Phase.SUCCEEDED:
            reason = reasons.NOTHING_RENEWED if same and same == counts.succeeded else reasons.ROTATED
            left_out = f"; {counts.skipped} suspended left out" if counts.skipped else ""
            return "True", reason, f"{done}{left_out}"
        case Phase.FAILED:
            again = "see status.failures; the operator retries those that may be temporary"
            return "False", reasons.ROTATION_FAILED, f"{done}; {counts.failed} failed ({again})"
        case Phase.STOPPED:
            where = len(failures_by_namespace(outcomes))
            stop = f"spec.stopAfterFailures is {rotation.stop_after}" if rotation.stop_after else "it was stopped"
            why = f"{counts.failed} failed in {counted(where, 'namespace')} ({stop}){halted}"
            return "False", reasons.ROTATION_STOPPED, f"{done}; {why}: {rest}"
        case Phase.SUSPENDED:
            return (
                "False",
                reasons.SUSPENDED,
                f"spec.suspend is true: no further environments are rotated; {done}; {rest}",
            )
        case _:
            return "False", reasons.ROTATING, f"{done}; {rest}{halted}"


def _name_closed(closed: Mapping[str, int]) -> str:
    named = [f"{name or 'ClusterEscEnvironments'} ({count} failed)" for name, count in closed.items()]
    return first_of(named, MAX_NAMED)


def begun(rotation: EscRotation, old: RotationStatus, now: datetime) -> RotationStatus:
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
    return _with_conditions(rotation, status, old, ("False", reasons.ROTATING, "it has started"), now)


def not_yet(rotation: EscRotation, old: RotationStatus, now: datetime) -> RotationStatus:
    """Between two runs the status is that of the last one; before the first, it says what it waits for."""
    told_last = find_condition(old.conditions, COMPLETE)
    if old.run and told_last and told_last.reason != reasons.INVALID_SCHEDULE:
        return replace(old, observed_generation=rotation.generation)
    if rotation.suspend:
        told = "False", reasons.SUSPENDED, "spec.suspend is true: no run starts"
        return _with_conditions(rotation, replace(old, phase=Phase.SUSPENDED), old, told, now)
    told = "False", reasons.SCHEDULED, "it waits for the next time of its schedule"
    return _with_conditions(rotation, replace(old, phase=Phase.PENDING), old, told, now)


def invalid(rotation: EscRotation, old: RotationStatus, why: str, now: datetime) -> RotationStatus:
    status = replace(old, phase=Phase.FAILED, next_schedule_time=None)
    return _with_conditions(rotation, status, old, ("False", reasons.INVALID_SCHEDULE, why), now)


def _with_conditions(
    rotation: EscRotation, status: RotationStatus, old: RotationStatus, told: tuple[str, str, str], now: datetime
) -> RotationStatus:
    """The status with its conditions; Failed is there for clients that wait for either of the two."""
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
