"""Three rotations at once, then one a minute, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.renewal.rotation_gap import AT_ONCE, GAP, count_one_more, next_turn

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_the_first_ones_are_done_at_once_and_the_next_one_after_a_minute() -> None:
    until: datetime | None = None
    for _ in range(AT_ONCE):
        assert next_turn(until, NOW) <= NOW
        until = count_one_more(until, NOW)
    assert next_turn(until, NOW) == NOW + GAP


def test_after_a_rest_all_of_them_are_there_again() -> None:
    assert next_turn(NOW, NOW + AT_ONCE * GAP) <= NOW + AT_ONCE * GAP - (AT_ONCE - 1) * GAP


def test_a_clock_that_was_set_back_keeps_nobody_waiting_for_longer_than_a_gap() -> None:
    assert next_turn(NOW + timedelta(days=9), NOW) == NOW + GAP


@given(st.lists(st.integers(0, 40), min_size=1, max_size=200))
def test_however_often_it_is_asked_no_more_than_three_and_one_a_minute_are_done(pauses: list[int]) -> None:
    now, until, done = NOW, None, 0
    for pause in pauses:
        now += pause * SECOND
        if now >= next_turn(until, now):
            until = count_one_more(until, now)
            done += 1
    assert done <= AT_ONCE + (now - NOW) / GAP
