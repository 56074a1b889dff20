"""The events of an EscRotation: its start, each failed environment once, and its end. Pure.

Names, reasons and counts only. Only the first failures have events; the status names more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.formats.durations import format_duration
from esc_operator.kube.events import Event
from esc_operator.resources import reasons
from esc_operator.resources.conditions import find_condition
from esc_operator.resources.rotation import COMPLETE, LONGEST_MESSAGE, Phase
from esc_operator.resources.rotation_selection import FITS_WIDELY

if TYPE_CHECKING:
    from esc_operator.resources.environment import Key
    from esc_operator.resources.rotation import EscRotation, Failure, RotationStatus

MOST_FAILURES = 10
"""How many failed environments of a run have events of their own."""

_SUCCESSES = frozenset({Phase.SUCCEEDED, Phase.DRY_RUN})


def begin_event(rotation: EscRotation, status: RotationStatus, hidden: int = 0, wide: int = 0) -> Event:
    """`hidden`: how many environments are included although their login is hidden; `wide`: how many match only with
    `**` in place of each `*`."""
    run = f"run {status.run} " if rotation.schedule else ""
    selected, skipped = status.counts.selected, status.counts.skipped
    left_out = f", {skipped} of them suspended and left out" if skipped else ""
    meant = "1 environment is" if selected == 1 else f"{selected} environments are"
    taken = f"; {hidden} of them have a hidden login and may match" if hidden else ""
    taken += f"; the role of {wide} of them {FITS_WIDELY}" if wide else ""
    message = f"{run}starts: {meant} selected{left_out}{taken}; {rotation.at_once} at a time"
    return Event("Normal", reasons.ROTATING, message)


def failure_events(status: RotationStatus, told: set[Key]) -> list[Event]:
    """`told` holds the environments that already have events in this run; new ones are added."""
    events = []
    for failure in status.failures:
        if failure.key in told or len(told) > MOST_FAILURES:
            continue
        events.append(_failure_event(failure, is_last=len(told) == MOST_FAILURES))
        told.add(failure.key)
    return events


def _failure_event(failure: Failure, *, is_last: bool) -> Event:
    if is_last:
        message = f"more than {MOST_FAILURES} environments have failed: status.failures names more of them"
    else:
        message = f"{failure.key.full_name}: {failure.reason}: {failure.message[:LONGEST_MESSAGE]}"
    return Event("Warning", reasons.ENVIRONMENT_FAILED, message)


def end_event(old: RotationStatus, new: RotationStatus) -> Event | None:
    """The event if a run, or a dry run, has ended between two statuses, or a schedule is invalid."""
    told, before = find_condition(new.conditions, COMPLETE), find_condition(old.conditions, COMPLETE)
    if told is None:
        return None
    if new.completed_at and new.completed_at != old.completed_at:
        after = f", after {format_duration(timedelta(seconds=new.seconds))}" if new.seconds else ""
        is_well = new.phase in _SUCCESSES and told.reason != reasons.NOTHING_SELECTED
        kind = "Normal" if is_well else "Warning"
        return Event(kind, told.reason, f"{told.message}{after}")
    if told.reason == reasons.INVALID_SCHEDULE and (before is None or before.message != told.message):
        return Event("Warning", told.reason, told.message)
    return None
