"""Gaps that grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from esc_operator.renewal.growing_gap import GrowingGap

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GAP = GrowingGap(at_once=2, first=SECOND, longest=5 * SECOND, calm=10 * SECOND)


def test_the_first_few_come_at_once_and_then_the_gap_doubles_up_to_its_limit() -> None:
    assert [GAP.after(count) / SECOND for count in range(7)] == [0, 0, 1, 2, 4, 5, 5]
    assert GAP.after(1_000_000) == 5 * SECOND


def test_a_row_is_over_after_a_calm_and_where_the_clock_was_set_back() -> None:
    assert GAP.continues(NOW, NOW)
    assert GAP.continues(NOW, NOW + 9 * SECOND)
    assert not GAP.continues(NOW, NOW + 10 * SECOND)
    assert not GAP.continues(NOW, NOW - SECOND)
