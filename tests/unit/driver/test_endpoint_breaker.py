"""An endpoint is left alone by everybody only where several have met the same; and it is found out by turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE
from esc_operator.driver.endpoint_breaker import MEMORY, WITNESSES, EndpointBreaker

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DOWN, THROTTLED = "AWSUnavailable", "Throttled"


def opened() -> EndpointBreaker:
    breaker = EndpointBreaker()
    for number in range(FAILURES):
        breaker.failed(f"red-{number % WITNESSES}", START, DOWN)
    assert breaker.is_open
    return breaker


@given(
    st.lists(
        st.tuples(st.sampled_from(["red", "pink"]), st.sampled_from(["", "account 1", "account 2"]), st.integers(0, 9)),
        max_size=80,
    )
)
def test_fewer_namespaces_than_it_takes_never_open_it_whatever_accounts_they_invent(
    failures: list[tuple[str, str, int]],
) -> None:
    breaker, now = EndpointBreaker(), START
    for tenant, account, seconds in failures:
        now += seconds * SECOND
        assert not breaker.failed(tenant, now, DOWN, account=account)
    assert breaker.paused_until("blue", now) is None


def test_of_those_that_are_throttled_each_has_to_be_so_for_another_account() -> None:
    breaker = EndpointBreaker()
    for number in range(20):
        assert not breaker.failed(f"red-{number}", START, THROTTLED, account=f"account {number % (WITNESSES - 1)}")
    assert breaker.failed("red", START, THROTTLED, account=f"account {WITNESSES}")


def test_what_was_met_long_ago_counts_no_more() -> None:
    breaker = EndpointBreaker()
    for number in range(WITNESSES - 1):
        for _ in range(FAILURES):
            breaker.failed(f"red-{number}", START, DOWN)
    assert not breaker.failed("red", START + MEMORY, DOWN)


def test_one_call_begins_in_each_pause_and_the_pauses_grow_as_calls_fail() -> None:
    breaker, now = opened(), START
    pauses = []
    for number in range(6):
        until = breaker.paused_until(f"t-{number}", now)
        assert until is not None
        pauses.append(until - now)
        now = until
        assert breaker.paused_until(f"t-{number}", now) is None
        assert breaker.admit(f"t-{number}", now)
        breaker.failed(f"t-{number}", now, DOWN, probe=True)
    assert pauses[:4] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4, LONGEST_PAUSE]
    assert set(pauses[3:]) == {LONGEST_PAUSE}


def test_a_call_that_hangs_holds_nobody_up_for_longer_than_a_pause() -> None:
    breaker, now = opened(), START + FIRST_PAUSE
    breaker.admit("red", now)
    assert breaker.paused_until("blue", now) == now + FIRST_PAUSE
    assert breaker.paused_until("blue", now + FIRST_PAUSE) is None


def test_whoever_has_found_out_goes_after_those_that_were_told_to_wait() -> None:
    breaker, now = opened(), START + FIRST_PAUSE
    breaker.admit("red", now)
    breaker.failed("red", now, DOWN, probe=True)
    breaker.defer("blue")
    next_turn = now + FIRST_PAUSE * 2
    assert breaker.paused_until("red", next_turn) == next_turn + FIRST_PAUSE * 2
    assert breaker.paused_until("blue", next_turn) is None
    assert (
        breaker.paused_until("red", next_turn + FIRST_PAUSE * 2) is None
    )  # one that never comes back is not waited for


def test_whoever_renews_what_expires_soon_need_not_wait_for_the_whole_pause() -> None:
    breaker, now = opened(), START
    for _ in range(4):
        now = breaker.paused_until("t", now) or now
        breaker.admit("t", now)
        breaker.failed("t", now, DOWN, probe=True)
    assert breaker.paused_until("blue", now) == now + LONGEST_PAUSE
    assert breaker.paused_until("blue", now, now + 60 * SECOND) == now + 15 * SECOND


def test_a_clock_that_is_set_back_makes_no_pause_longer() -> None:
    assert opened().paused_until("blue", START - SECOND) is None
