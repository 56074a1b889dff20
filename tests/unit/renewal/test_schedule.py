"""When a lease is renewed and a failure is tried again, for every lease, clock and wish."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.renewal.schedule import (
    LAST_RETRY,
    SHORTEST_GAP,
    Window,
    fraction,
    lead_time,
    renew_at,
    reread_at,
    retry_at,
    shortest_gap,
)

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)

times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lives = st.timedeltas(timedelta(0), timedelta(days=400))
leads = st.none() | st.timedeltas(SECOND, timedelta(days=400))
uids = st.text(max_size=8)


@pytest.mark.parametrize(
    ("lifetime", "before", "lead"),
    [
        (HOUR, None, 15 * MINUTE),  # a quarter
        (12 * HOUR, None, 3 * HOUR),
        (30 * MINUTE, None, 10 * MINUTE),  # 15m would be half: a third
        (MINUTE, None, 20 * SECOND),
        (HOUR, 30 * MINUTE, 30 * MINUTE),
        (HOUR, MINUTE, 15 * MINUTE),  # never less than a quarter
        (HOUR, 54 * MINUTE, 54 * MINUTE),
        (HOUR, 55 * MINUTE, 20 * MINUTE),  # impossible: a third
        (HOUR, 12 * HOUR, 20 * MINUTE),
        (timedelta(0), MINUTE, timedelta(0)),
    ],
)
def test_the_lead_is_a_quarter_of_the_life_or_what_is_asked_for(
    lifetime: timedelta, before: timedelta | None, lead: timedelta
) -> None:
    assert lead_time(lifetime, before) == lead


@pytest.mark.parametrize(
    ("lifetime", "margin"),
    [(HOUR, MINUTE), (20 * MINUTE, MINUTE), (10 * MINUTE, 30 * SECOND), (MINUTE, 3 * SECOND), (timedelta(0), 0 * DAY)],
)
def test_a_minute_or_a_twentieth_of_the_life_is_not_relied_on(lifetime: timedelta, margin: timedelta) -> None:
    window = Window(START, START + lifetime)
    assert window.usable_until == window.expires_at - margin
    assert renew_at(window, None, "") <= window.usable_until - lead_time(lifetime, None)


@given(issued_at=times, life=lives, before=leads, uid=uids)
def test_a_lease_is_renewed_in_whole_seconds_ahead_of_its_expiry_and_not_before_its_issue(
    issued_at: datetime, life: timedelta, before: timedelta | None, uid: str
) -> None:
    window = Window(issued_at, issued_at + life)
    due = renew_at(window, before, uid)
    assert due.microsecond == 0
    assert due >= issued_at.replace(microsecond=0)
    assert due <= window.expires_at
    if life >= SECOND:
        assert due < window.expires_at
    assert window.expires_at - due >= min(lead_time(life, before), window.expires_at - issued_at)
    assert due == renew_at(window, before, uid)


@given(issued_at=times, life=st.timedeltas(MINUTE, timedelta(days=400)), before=st.timedeltas(SECOND, DAY), uid=uids)
def test_what_can_be_kept_of_a_wish_is_kept_and_what_cannot_costs_no_more_than_a_third(
    issued_at: datetime, life: timedelta, before: timedelta, uid: str
) -> None:
    left = issued_at + life - renew_at(Window(issued_at, issued_at + life), before, uid)
    if before <= life * 0.9:
        assert left >= before
    else:
        assert left <= life / 3 + life / 20 + min(life / 20, MINUTE) + 2 * SECOND


@given(issued_at=times, life=lives)
def test_a_lease_that_ends_before_it_begins_is_due_at_once(issued_at: datetime, life: timedelta) -> None:
    window = Window(issued_at, issued_at - life)
    assert window.lifetime == timedelta(0)
    assert renew_at(window, None, "x") == issued_at.replace(microsecond=0)


@given(remaining=st.timedeltas(-DAY, DAY))
def test_the_shortest_gap_ends_before_the_life_that_is_left_and_is_never_nothing(remaining: timedelta) -> None:
    gap = shortest_gap(remaining)
    assert SECOND <= gap <= SHORTEST_GAP
    if remaining >= 2 * SECOND:
        assert gap <= remaining / 2


@given(
    failed_at=times,
    failures=st.integers(1, 10_000),
    left=st.none() | st.timedeltas(-DAY, timedelta(days=400)),
    uid=uids,
)
def test_a_retry_comes_after_a_second_and_within_a_quarter_of_the_life_that_is_left(
    failed_at: datetime, failures: int, left: timedelta | None, uid: str
) -> None:
    delay = retry_at(failed_at, failures, failed_at + left if left is not None else None, uid) - failed_at
    assert SECOND <= delay <= LAST_RETRY
    if left is not None and left > timedelta(0):
        assert delay <= max(left / 4, SECOND)
    assert failed_at + delay == retry_at(failed_at, failures, failed_at + left if left is not None else None, uid)


@given(uid=uids)
def test_retries_grow_rarer(uid: str) -> None:
    delays = [retry_at(START, failures, None, uid) - START for failures in range(1, 12)]
    assert delays[0] <= 5 * SECOND
    assert all(later >= sooner / 2 for sooner, later in itertools.pairwise(delays))
    assert all(delay >= LAST_RETRY / 2 for delay in delays[7:])


@given(last=times, interval=st.timedeltas(30 * SECOND, DAY), uid=uids)
def test_inputs_are_read_again_within_the_interval(last: datetime, interval: timedelta, uid: str) -> None:
    assert last + interval * 0.95 <= reread_at(last, interval, uid) + timedelta(microseconds=1)
    assert reread_at(last, interval, uid) <= last + interval


def test_the_renewals_of_many_leases_are_spread() -> None:
    window = Window(START, START + HOUR)
    due = {renew_at(window, None, f"uid-{number}") for number in range(1000)}
    assert len(due) > 150
    assert max(due) - min(due) <= 3 * MINUTE


@given(seed=st.text())
def test_a_fraction_is_one_and_stays_the_same(seed: str) -> None:
    assert 0 <= fraction(seed) < 1
    assert fraction(seed) == fraction(seed)
