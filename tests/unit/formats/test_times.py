"""Times are stored as Kubernetes stores them, and never later than they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.formats.times import format_optional_time, format_time, parse_time

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_is_stored_in_whole_seconds_and_never_later(time: datetime) -> None:
    stored = parse_time(format_time(time))
    assert stored is not None
    assert timedelta(0) <= time - stored < SECOND


@pytest.mark.parametrize("text", [None, "", "soon", "2026-13-01T00:00:00Z"])
def test_an_unreadable_time_is_none(text: str | None) -> None:
    assert parse_time(text) is None
    assert format_optional_time(None) is None


def test_a_time_without_a_zone_is_utc_and_another_zone_is_understood() -> None:
    assert parse_time("2026-05-01T12:00:00") == START
    assert parse_time("2026-05-01T14:00:00+02:00") == START
