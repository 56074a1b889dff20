"""Conditions survive their way through the API server, and keep the time of their last transition."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources.conditions import (
    MAX_MESSAGE,
    Condition,
    carry_transition_times,
    find_condition,
    parse_condition,
    shorten,
)
from unit.resources.strategies import conditions, seconds

if TYPE_CHECKING:
    from datetime import datetime


@given(conditions)
def test_a_condition_survives(condition: Condition) -> None:
    assert parse_condition(condition.to_dict()) == condition


@given(st.lists(conditions, max_size=4, unique_by=lambda each: each.type), st.lists(conditions, max_size=4), seconds)
def test_a_transition_time_moves_only_when_the_status_does(
    old: list[Condition], new: list[Condition], now: datetime
) -> None:
    for before, after in zip(new, carry_transition_times(new, old, now), strict=True):
        known = find_condition(old, before.type)
        same = known and known.status == before.status and known.last_transition_time
        assert after.last_transition_time == (same or now)
        assert replace(after, last_transition_time=None) == replace(before, last_transition_time=None)


def test_a_long_message_is_cut() -> None:
    long = Condition("Ready", "True", "Synced", "x" * 5000, 1).to_dict()["message"]
    assert len(long) == MAX_MESSAGE
    assert long.endswith("…")
    assert shorten("short") == "short"
