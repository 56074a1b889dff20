"""Whole days of many environments in simulated time: each lease is renewed once, ahead of its expiry, whatever ends the
process meanwhile. The same day with 10,000 environments is a benchmark."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.simulated_day import Day, Result
from esc_operator.driver.opener import OPEN_AT_ONCE
from esc_operator.handlers.options import Options

MINUTE = timedelta(minutes=1)


def play(day: Day) -> Result:
    day.play()
    return day.result()


def test_in_a_day_with_a_kill_in_its_middle_every_lease_is_renewed_once_and_in_time() -> None:
    day = Day(environments=80, rolled=4)
    result = play(day)
    assert (result.expired, result.pods_expired) == (0, 0)
    assert result.mints == result.expected_mints > 80 * 24
    # A quarter of the lifetime and a minute for clocks that differ, but for the time that a renewal takes.
    assert 955 <= result.least_seconds_left <= 963
    # One Secret and one status for each refresh, and for a restart nothing.
    assert result.idle_writes == 0
    assert (
        result.rollouts
        == result.expected_rollouts
        == sum(day.cluster.refreshes[key] - 1 for key in day.cluster.workloads)
    )
    # Three kinds to find the workload, and then its own while the two pods come: not more than once in two seconds.
    assert result.workload_lists <= 4 * 5 + result.rollouts * (3 + 30 / 2) + 24 * 12


@pytest.mark.parametrize("minutes", [41.5, 42, 42.5, 43, 43.5])
def test_a_process_that_is_killed_in_the_middle_of_a_wave_costs_only_the_credentials_in_its_hands(
    minutes: float,
) -> None:
    result = play(Day(environments=300, span=2 * minutes * MINUTE))
    assert result.expired == 0
    assert result.mints == result.expected_mints
    assert result.lost <= OPEN_AT_ONCE


def test_an_operator_that_is_away_for_ten_minutes_works_off_what_is_due_at_its_own_pace_and_in_time() -> None:
    day = Day(environments=600, span=86 * MINUTE, downtime=10 * MINUTE, options=Options(provider_rate=20))
    result = play(day)
    assert result.expired == 0
    assert result.mints == result.expected_mints
    # The rate that a provider is called at, and what it may be called at once after a rest.
    assert result.calls.peak <= 2 * 20 + 20


def test_an_operator_that_is_away_for_too_long_lets_credentials_expire_and_the_day_says_so() -> None:
    result = play(Day(environments=50, span=86 * MINUTE, downtime=20 * MINUTE))
    assert result.expired > 0
    assert result.mints == result.expected_mints
