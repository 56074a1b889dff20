"""The events of a rollout: its start, its end, and each new problem once.

A change of the condition RolledOut gets an event only if it is news: while pods start, its message changes every few
seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.formats.durations import format_duration
from esc_operator.kube.events import Event
from esc_operator.reconciliation.rollouts.plan import PASSING
from esc_operator.resources import reasons
from esc_operator.resources.conditions import ROLLED_OUT, find_condition

if TYPE_CHECKING:
    from esc_operator.resources.status import Status


def rollout_event(old: Status, new: Status, told: set[str]) -> Event | None:
    """The event for the change from one status to the next, if any.

    `told` holds the problems of this rollout that already have events; a new one is added, so that a recurring one is
    reported once.
    """
    before, after = find_condition(old.conditions, ROLLED_OUT), find_condition(new.conditions, ROLLED_OUT)
    if after is None:
        return None
    if after.status == "True":
        if old.rollout_started_at is None or (before and before.status == "True"):
            return None  # nothing had to be rolled
        took = format_duration(new.rollout_time)
        return Event("Normal", reasons.ROLLED_OUT, f"{after.message}, after {took}")
    if after.reason not in PASSING:
        is_news = after.reason not in told and not (before and before.reason == after.reason)
        told.add(after.reason)
        return Event("Warning", after.reason, after.message) if is_news else None
    if new.rollout_started_at and new.rollout_started_at != old.rollout_started_at:
        return Event("Normal", reasons.ROLLING_OUT, after.message)
    return None
