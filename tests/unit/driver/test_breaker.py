"""While a service is out of order it is asked little, and its return is noticed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.breaker import FAILURES, FIRST_PAUSE, LONGEST_ASKED, LONGEST_PAUSE, Breaker, Permit

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def admitted(breaker: Breaker, now: datetime) -> Permit:
    permit = breaker.admit(now)
    assert permit is not None
    return permit


def opened(now: datetime = START) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(admitted(breaker, now), now)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.failed(admitted(breaker, START), START)
        assert not breaker.is_open
        assert not breaker.succeeded()
    assert opened().admit(START) is None


def test_after_the_pause_one_call_is_let_through_and_its_success_closes_it() -> None:
    breaker, later = opened(), START + FIRST_PAUSE
    assert breaker.admit(later - SECOND) is None
    admitted(breaker, later)
    assert breaker.admit(later) is None
    assert breaker.blocks(later + timedelta(hours=1))
    assert breaker.succeeded()
    assert admitted(breaker, later)
    assert not breaker.succeeded()


def test_pauses_grow_up_to_the_longest() -> None:
    breaker, now = opened(), START
    pauses = []
    for _ in range(8):
        until = breaker.paused_until(now)
        assert until is not None
        pauses.append(until - now)
        now = until
        breaker.failed(admitted(breaker, now), now)
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert set(pauses[3:]) == {LONGEST_PAUSE}


def test_who_renews_what_expires_soon_waits_for_a_part_of_its_life_and_never_for_less_than_the_first_pause() -> None:
    breaker, now = opened(), START
    for _ in range(4):
        now = breaker.paused_until(now) or now
        breaker.failed(admitted(breaker, now), now)
    assert breaker.paused_until(now) == now + LONGEST_PAUSE
    assert breaker.paused_until(now, now + 60 * SECOND) == now + 15 * SECOND
    assert breaker.paused_until(now, now + SECOND) == now + FIRST_PAUSE
    assert breaker.paused_until(now, now + timedelta(hours=1)) == now + LONGEST_PAUSE
    assert breaker.paused_until(now, now - SECOND) == now + LONGEST_PAUSE  # it is too late already
    later = now + 15 * SECOND
    assert breaker.admit(later) is None
    probe = breaker.admit(later, now + 60 * SECOND)
    assert probe is not None
    assert breaker.admit(later, now + 60 * SECOND) is None  # one finds out for all
    breaker.failed(probe, later, 90 * SECOND)
    assert breaker.paused_until(later, later + 45 * SECOND) == later + 90 * SECOND  # as it was asked to


def test_what_was_asked_for_meanwhile_counts_for_those_in_a_hurry_too() -> None:
    breaker = Breaker()
    permits = [admitted(breaker, START) for _ in range(FAILURES + 1)]
    for permit in permits[:-1]:
        breaker.failed(permit, START)
    breaker.failed(permits[-1], START, 3 * SECOND)
    assert breaker.paused_until(START) == START + FIRST_PAUSE
    assert breaker.paused_until(START, START + 8 * SECOND) == START + FIRST_PAUSE


def test_after_a_recovery_pauses_are_short_again() -> None:
    breaker, later = opened(), START + FIRST_PAUSE
    breaker.failed(admitted(breaker, later), later)
    breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed(admitted(breaker, later), later)
    assert breaker.paused_until(later) == later + FIRST_PAUSE


def test_a_service_that_says_how_long_is_left_alone_for_so_long_at_once() -> None:
    breaker = Breaker()
    breaker.failed(admitted(breaker, START), START, 90 * SECOND)
    assert breaker.paused_until(START) == START + 90 * SECOND
    assert breaker.admit(START + 89 * SECOND) is None
    assert breaker.admit(START + 90 * SECOND)


def test_what_was_under_way_may_make_a_pause_longer_but_never_shorter() -> None:
    breaker = Breaker()
    early, late = admitted(breaker, START), admitted(breaker, START)
    breaker.failed(admitted(breaker, START), START, 60 * SECOND)
    breaker.failed(early, START, 10 * SECOND)
    assert breaker.paused_until(START) == START + 60 * SECOND
    breaker.failed(late, START, 90 * SECOND)
    assert breaker.paused_until(START) == START + 90 * SECOND


def test_an_absurd_wish_is_not_honoured() -> None:
    breaker = Breaker()
    breaker.failed(admitted(breaker, START), START, timedelta(days=9999))
    assert breaker.paused_until(START) == START + LONGEST_ASKED


def test_a_success_that_was_under_way_before_closes_it() -> None:
    breaker = Breaker()
    admitted(breaker, START)
    for _ in range(FAILURES):
        breaker.failed(admitted(breaker, START), START)
    assert breaker.succeeded()
    assert not breaker.blocks(START)


def test_a_call_that_says_nothing_lets_the_next_one_find_out() -> None:
    breaker, later = opened(), START + FIRST_PAUSE
    breaker.gave_up(admitted(breaker, later))
    assert breaker.is_open
    assert breaker.admit(later)


def test_the_end_of_a_call_from_before_takes_nothing_from_the_one_that_finds_out() -> None:
    breaker = Breaker()
    old = admitted(breaker, START)
    for _ in range(FAILURES):
        breaker.failed(admitted(breaker, START), START)
    later = START + FIRST_PAUSE
    admitted(breaker, later)
    breaker.gave_up(old)
    assert breaker.admit(later) is None


def test_a_clock_that_is_set_back_makes_no_pause_longer() -> None:
    breaker = opened()
    assert breaker.paused_until(START - timedelta(hours=1)) is None
    back = START - timedelta(hours=1)
    breaker.failed(admitted(breaker, back), back)
    assert breaker.paused_until(back) == back + FIRST_PAUSE * 2


@given(st.lists(st.sampled_from(["success", "mistake"]), max_size=60))
def test_mistakes_of_users_never_open_it(outcomes: list[str]) -> None:
    breaker = Breaker()
    for outcome in outcomes:
        permit = admitted(breaker, START)
        if outcome == "success":
            breaker.succeeded()
        else:
            breaker.gave_up(permit)
    assert not breaker.is_open


STEPS = st.tuples(
    st.sampled_from(["call", "succeed", "fail", "fail and ask", "give up"]), st.integers(0, 40), st.integers(0, 9)
)


@given(st.lists(STEPS, max_size=120))
def test_whatever_happens_an_outage_costs_one_call_a_pause_and_never_ends_in_a_standstill(
    steps: list[tuple[str, int, int]],
) -> None:
    breaker, now = Breaker(), START
    under_way: list[Permit] = []
    begun_open: list[Permit] = []
    times: list[datetime] = []
    for act, seconds, which in steps:
        now += timedelta(seconds=seconds)
        if act == "call":
            paused = breaker.paused_until(now)
            permit = breaker.admit(now)
            assert permit is None or paused is None
            if permit and breaker.is_open:
                assert not set(begun_open) & set(under_way)
                begun_open.append(permit)
            under_way += [permit] if permit else []
        elif under_way:
            permit = under_way.pop(which % len(under_way))
            if act == "succeed":
                breaker.succeeded()
                begun_open, times = [], []
            elif act == "give up":
                breaker.gave_up(permit)
            else:
                times += [now] if permit in begun_open else []
                breaker.failed(permit, now, timedelta(seconds=20 if act == "fail and ask" else 0))
    assert all(after - before >= FIRST_PAUSE for before, after in pairwise(times))
    for permit in under_way:
        breaker.gave_up(permit)
    assert breaker.admit(now + LONGEST_ASKED)
