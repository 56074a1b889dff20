"""No more calls than allowed, in the order in which they were asked for, and nobody waits for a clock that jumped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.rate import TokenBucket

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def starts(bucket: TokenBucket, event_handlers: list[float]) -> list[datetime]:
    times = [START + timedelta(seconds=seconds) for seconds in sorted(event_handlers)]
    return [time + bucket.reserve(time) for time in times]


def test_after_a_rest_a_burst_goes_at_once_and_then_so_many_a_second() -> None:
    begun = starts(TokenBucket(rate=10, burst=5), [0.0] * 25)
    assert begun[:5] == [START] * 5
    assert begun[-1] == START + 2 * SECOND


def test_a_bucket_fills_up_to_its_burst_and_no_further() -> None:
    begun = starts(TokenBucket(rate=10, burst=5), [0.0] * 5 + [3600.0] * 6)
    hour = START + timedelta(hours=1)
    assert begun[5:10] == [hour] * 5
    assert begun[10] > hour


def test_without_a_bound_nobody_waits() -> None:
    assert starts(TokenBucket(rate=float("inf"), burst=1), [0.0] * 1000) == [START] * 1000


def test_a_clock_that_is_set_back_is_not_waited_for() -> None:
    bucket = TokenBucket(rate=10, burst=1)
    waits = [bucket.reserve(START) for _ in range(10)]
    back = bucket.reserve(START - timedelta(hours=1))
    assert back == waits[-1] + SECOND / 10


@given(
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
    st.integers(1, 50),
    st.integers(1, 20),
)
def test_in_no_span_of_time_are_there_more_than_the_burst_and_the_rate_allow(
    event_handlers: list[float], rate: int, burst: int
) -> None:
    begun = starts(TokenBucket(rate, burst), event_handlers)
    assert all(before <= after for before, after in pairwise(begun))
    rounding = timedelta(microseconds=len(begun))
    for first in range(len(begun)):
        for last in range(first + burst, len(begun)):
            allowed = timedelta(seconds=(last - first + 1 - burst) / rate)
            assert begun[last] - begun[first] >= allowed - rounding


@given(st.lists(st.floats(-3600, 3600, allow_nan=False), max_size=60), st.integers(1, 50), st.integers(1, 20))
def test_through_every_jump_of_the_clock_the_wait_is_that_of_the_line(
    jumps: list[float], rate: int, burst: int
) -> None:
    bucket, now = TokenBucket(rate, burst), START
    for place, jump in enumerate(jumps, start=1):
        now += timedelta(seconds=jump)
        assert bucket.reserve(now) <= timedelta(seconds=place / rate) + timedelta(microseconds=place)
