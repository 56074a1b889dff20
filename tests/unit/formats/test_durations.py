"""Durations as Go writes them, and as people read them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.formats.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("45m", 45 * 60),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("1m1m", 120),
        ("0s", 0),
        ("1d", 86400),
        ("24h", 86400),
        ("1d12h", 129600),
        ("PT1H", 3600),
        ("PT1H30M", 5400),
        ("P1D", 86400),
        ("P1DT12H", 129600),
    ],
)
def test_durations_are_read_as_go_writes_them(text: str, value: float) -> None:
    assert parse_duration(text) == timedelta(seconds=value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "h",
        "-1h",
        "1 h",
        "1h\n",
        "\uff11h",
        "1.h",
        "1h30",
        "P",
        "PT",
        "0d",
        "1.5d",
        "1h1d",
        "1w",
        "1 day",
        "1H",
        "1M",
        "pt1h",
        "P1M",
        "9999999h",
    ],
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write it like 45m, 1h30m, 90s or 1d"):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=100)))
def test_a_duration_for_people_has_at_most_two_units_and_loses_less_than_the_smaller(span: timedelta) -> None:
    parts = re.findall(r"(\d+)([dhms])", format_duration(span))
    assert 1 <= len(parts) <= 2
    sizes = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    told = timedelta(seconds=sum(int(count) * sizes[unit] for count, unit in parts))
    assert timedelta(0) <= span - told < timedelta(days=1)


def test_a_span_that_is_over_is_none() -> None:
    assert format_duration(timedelta(seconds=-5)) == "0s"
    assert format_duration(timedelta(hours=1, minutes=5, seconds=9)) == "1h5m"
