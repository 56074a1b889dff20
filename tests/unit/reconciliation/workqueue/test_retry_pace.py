"""Failing writes are tried again soon, together no faster than a rate, and by turns among tenants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.workqueue.retry_pace import LONGEST, PART, RATE, SHORTEST, RetryPace

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
Pace = RetryPace[tuple[str, str]]


def a_pace() -> Pace:
    return RetryPace(lambda key: key[0])


def test_the_first_retry_comes_within_a_second() -> None:
    assert SHORTEST * 3 / 4 <= a_pace().fail(("a", "x"), NOW) - NOW <= SHORTEST


@given(minutes=st.integers(0, 10_000))
def test_the_end_of_a_cause_is_noticed_within_a_part_of_the_time_it_lasted_and_fifteen_seconds(minutes: int) -> None:
    pace, now = a_pace(), NOW + timedelta(minutes=minutes)
    pace.fail(("a", "x"), NOW)
    assert pace.fail(("a", "x"), now) - now <= min(max((now - NOW) / PART, SHORTEST), LONGEST)


def test_many_of_a_tenant_share_the_rate() -> None:
    pace = a_pace()
    for number in range(1000):
        pace.fail(("a", str(number)), NOW)
    assert pace.fail(("a", "0"), NOW) - NOW > timedelta(seconds=1000 / RATE) * 3 / 4


def test_a_tenant_with_one_does_not_wait_for_anothers_thousand() -> None:
    pace = a_pace()
    for number in range(1000):
        pace.fail(("crowd", str(number)), NOW)
    assert pace.fail(("small", "x"), NOW) - NOW <= SHORTEST


def test_all_together_stay_within_the_rate() -> None:
    pace, due = a_pace(), dict[tuple[str, str], datetime]()
    keys = [(f"t{number % 5}", str(number)) for number in range(500)]
    for key in keys:
        due[key] = pace.fail(key, NOW)
    now, tries = NOW, 0
    for _ in range(300):
        now += SECOND
        for key in [key for key, when in due.items() if when <= now]:
            due[key] = pace.fail(key, now)
            tries += 1
    assert tries / 300 <= RATE * 4 / 3


def test_a_write_that_takes_long_to_fail_is_tried_no_more_than_half_of_the_time() -> None:
    assert a_pace().fail(("a", "x"), NOW, took=timedelta(seconds=10)) - NOW >= timedelta(seconds=7)


def test_who_succeeds_calls_those_of_the_same_cause_in_order() -> None:
    pace = a_pace()
    for name in "zyx":
        pace.fail(("a", name), NOW, "the webhook")
    pace.fail(("a", "other"), NOW, "another webhook")
    pace.fail(("a", "none"), NOW)
    assert pace.succeed(("a", "y")) == (("a", "z"), ("a", "x"))
    assert pace.succeed(("a", "y")) == ()
    assert pace.succeed(("a", "none")) == ()


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    pace = a_pace()
    pace.fail(("a", "x"), NOW, "the webhook")
    pace.fail(("a", "x"), NOW, "another")
    pace.forget(("a", "x"))
    pace.forget(("a", "x"))
    assert len(pace) == 0
    assert ("a", "x") not in pace
    pace.fail(("a", "y"), NOW, "the webhook")
    assert pace.succeed(("a", "y")) == ()


def test_a_clock_that_is_set_back_begins_anew() -> None:
    pace = a_pace()
    pace.fail(("a", "x"), NOW)
    assert pace.fail(("a", "x"), NOW - timedelta(hours=1)) <= NOW - timedelta(hours=1) + SHORTEST
