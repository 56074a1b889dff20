"""A clock that differs from the provider's is told of, and one that does not never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.providers.clock_skew import TOLERANCE, SkewWatch, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def header(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


@given(
    skew=st.integers(-7200, 7200),
    took=st.floats(0, 60, allow_nan=False),
    written=st.floats(0, 1, allow_nan=False),
)
def test_what_is_measured_is_never_more_than_the_difference_and_only_less_by_what_cannot_be_known(
    skew: int, took: float, written: float
) -> None:
    answered_at = NOW + timedelta(seconds=took)
    date = header(NOW + timedelta(seconds=took * written + skew))
    measured = measure(date, NOW, answered_at)
    assert measured is not None
    assert abs(measured) <= abs(timedelta(seconds=skew))
    assert abs(measured) >= abs(timedelta(seconds=skew)) - timedelta(seconds=took + 1)
    assert measured * skew >= timedelta(0)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 01 May 2026 12:00:00", "Fri, 99 May 2026 12:00:00 GMT"])
def test_a_header_that_says_nothing_measures_nothing(date: str) -> None:
    assert measure(date, NOW, NOW + SECOND) is None


def told(skews: Sequence[timedelta], gap: timedelta, caplog: pytest.LogCaptureFixture) -> list[str]:
    watch = SkewWatch()
    for number, skew in enumerate(skews):
        now = NOW + number * gap
        watch.observe("sts.eu-west-1", header(now + skew), now, now)
    return [record.message for record in caplog.records]


def test_a_small_difference_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    assert told([TOLERANCE, -TOLERANCE, 0 * SECOND], timedelta(hours=2), caplog) == []


def test_a_large_difference_is_reported_with_its_direction_and_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    messages = told([40 * SECOND] * 13, timedelta(minutes=10), caplog)
    assert len(messages) == 3
    assert "The clock of sts.eu-west-1 is 40 s ahead of the clock here" in messages[0]


def test_a_clock_that_is_behind_is_reported_too(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = told([-3600 * SECOND], SECOND, caplog)
    assert "is 3599 s behind the clock here" in message
