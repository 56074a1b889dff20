"""The next step of an EscRotation: whether to start a run, and which environments to ask now. Pure.

A run asks environments by turns among namespaces, in each namespace in the order of expiry, a limited number at a time,
and each at most once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from esc_operator.reconciliation.rotations.judgement import EnvironmentState, is_stopped, open_to
from esc_operator.reconciliation.rotations.progress import begun, invalid, not_yet
from esc_operator.reconciliation.rotations.schedule import InvalidScheduleError, last_time, next_time
from esc_operator.resources.rotation_selection import by_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.reconciliation.rotations.judgement import Outcome
    from esc_operator.resources.environment import Key
    from esc_operator.resources.rotation import EscRotation, RotationStatus
    from esc_operator.resources.rotation_selection import Candidate


@dataclass(frozen=True, slots=True)
class Begin:
    """A run starts: this status has to be written before any environment is asked."""

    status: RotationStatus


@dataclass(frozen=True, slots=True)
class GoOn:
    """A run continues."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do before `until`; None: not before a change of it."""

    status: RotationStatus
    until: datetime | None = None


def what_now(rotation: EscRotation, old: RotationStatus, now: datetime) -> Begin | GoOn | Idle:
    """Whether a run starts or continues, or there is none to do."""
    if old.is_under_way:
        return GoOn()
    if not rotation.schedule:
        if old.run:
            return Idle(replace(old, observed_generation=rotation.generation))
        return Idle(not_yet(rotation, old, now)) if rotation.suspend else Begin(begun(rotation, old, now))
    since = old.last_schedule_time or rotation.created_at or now
    try:
        due = last_time(rotation.schedule, rotation.time_zone, since, now)
        upcoming = next_time(rotation.schedule, rotation.time_zone, now)
    except InvalidScheduleError as error:
        return Idle(invalid(rotation, old, str(error), now))
    if due and not rotation.suspend:
        return Begin(replace(begun(rotation, old, now), last_schedule_time=due, next_schedule_time=upcoming))
    # Runs that are due while it is suspended are not made up for.
    status = replace(
        not_yet(rotation, old, now),
        last_schedule_time=due or old.last_schedule_time,
        next_schedule_time=None if rotation.suspend else upcoming,
    )
    return Idle(status, upcoming)


@dataclass(frozen=True, slots=True)
class Choice:
    """The environments to ask now, and those that are suspended at their turn."""

    asked: tuple[Candidate, ...] = ()
    suspended: tuple[Candidate, ...] = ()


def next_candidates(
    rotation: EscRotation,
    old: RotationStatus,
    outcomes: Mapping[Key, Outcome],
    waiting: Sequence[Candidate],
    is_suspended: Callable[[Candidate], bool] = lambda _: False,
) -> Choice:
    """The next environments, by turns among namespaces, as many as there is room for."""
    room = rotation.at_once - sum(outcome.state is EnvironmentState.RUNNING for outcome in outcomes.values())
    if rotation.suspend or room <= 0 or is_stopped(rotation, old, outcomes):
        return Choice()
    asked: list[Candidate] = []
    suspended: list[Candidate] = []
    running = Counter(key.namespace for key, outcome in outcomes.items() if outcome.state is EnvironmentState.RUNNING)
    for one in by_turns(open_to(rotation, outcomes, waiting), running, Counter(key.namespace for key in outcomes)):
        if is_suspended(one):
            suspended.append(one)
        elif len(asked) < room:
            asked.append(one)
        else:
            break
    return Choice(tuple(asked), tuple(suspended))
