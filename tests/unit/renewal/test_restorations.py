"""A Secret that others change is restored at once a few times, and then at growing gaps of up to a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.renewal.restorations import (
    AT_ONCE,
    CALM,
    FIRST_GAP,
    LONGEST_GAP,
    Restorations,
    count_one_more,
    next_turn,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_the_first_ones_are_done_at_once_and_then_the_gaps_double_up_to_a_minute() -> None:
    known: Restorations | None = None
    gaps, now = [], NOW
    for _ in range(AT_ONCE + 10):
        turn = next_turn(known, now)
        gaps.append(turn - now)
        now = turn
        known = count_one_more(known, now)
    assert gaps[:AT_ONCE] == [timedelta(0)] * AT_ONCE
    assert gaps[AT_ONCE : AT_ONCE + 3] == [FIRST_GAP, 2 * FIRST_GAP, 4 * FIRST_GAP]
    assert gaps[-1] == LONGEST_GAP


def test_one_that_was_in_vain_is_not_repeated_at_once() -> None:
    assert next_turn(count_one_more(None, NOW, in_vain=True), NOW) == NOW + FIRST_GAP


def test_a_secret_that_was_left_alone_is_restored_as_if_for_the_first_time() -> None:
    known = Restorations(20, NOW, reported=True)
    assert next_turn(known, NOW + CALM) == NOW + CALM
    assert count_one_more(known, NOW + CALM) == Restorations(1, NOW + CALM)


def test_a_clock_that_was_set_back_makes_nobody_wait() -> None:
    assert next_turn(Restorations(20, NOW + timedelta(days=1)), NOW) == NOW


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=400))
def test_however_often_a_secret_is_changed_it_is_restored_some_times_and_then_once_a_minute(pauses: list[int]) -> None:
    now, known, done = NOW, None, 0
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        if next_turn(known, now) <= now:
            known, done = count_one_more(known, now), done + 1
    few = AT_ONCE + 8  # so many gaps are shorter than a minute
    assert done <= few + (now - NOW) / LONGEST_GAP + 1
