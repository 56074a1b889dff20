"""Whose the lease is: what the record says, and for how long it has been seen to say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from esc_operator.election import record as records
from esc_operator.election.decision import LOOK_EVERY, LeaseView, Terms, may_take, observe, wait
from esc_operator.election.record import LeaseRecord, parse_lease

HELD = LeaseRecord(version="7", holder="a", duration=12, renewed_at="2026-05-01T12:00:00.000000Z", transitions=3)
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_what_another_holds_may_be_taken_once_it_has_not_changed_for_its_duration() -> None:
    seen = observe(None, HELD, 100.0, "b")
    assert seen == LeaseView(HELD, 112.0)
    assert observe(seen, HELD, 111.0, "b") is seen
    assert not may_take(seen, 111.9)
    assert may_take(seen, 112.0)


def test_each_change_begins_the_wait_anew_with_the_duration_that_the_holder_names() -> None:
    seen = observe(None, HELD, 100.0, "b")
    renewed = replace(HELD, version="8", duration=30)
    assert observe(seen, renewed, 111.0, "b") == LeaseView(renewed, 141.0)


@pytest.mark.parametrize("renewed_at", ["2020-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z", ""])
def test_the_wall_clock_of_the_holder_counts_for_nothing(renewed_at: str) -> None:
    assert observe(None, replace(HELD, renewed_at=renewed_at), 100.0, "b").free_at == 112.0


def test_what_was_released_may_be_taken_at_once() -> None:
    seen = observe(observe(None, HELD, 100.0, "b"), replace(HELD, version="8", holder=""), 101.0, "b")
    assert may_take(seen, 101.0)


def test_what_bears_our_own_name_may_be_taken_at_once_because_the_answer_to_our_claim_was_lost() -> None:
    assert may_take(observe(None, replace(HELD, holder="b"), 100.0, "b"), 100.0)


def test_where_there_never_was_a_lease_it_may_be_taken_at_once() -> None:
    assert may_take(observe(None, None, 100.0, "b"), 100.0)


def test_a_holder_whose_lease_was_deleted_is_given_the_time_to_find_out() -> None:
    gone = observe(observe(None, HELD, 100.0, "b"), None, 105.0, "b")
    assert gone == LeaseView(None, 117.0)
    assert observe(gone, None, 106.0, "b") is gone


@pytest.mark.parametrize(("now", "seconds"), [(100.0, LOOK_EVERY), (111.9, pytest.approx(0.1)), (113.0, 0.0)])
def test_one_that_waits_looks_often_and_is_there_in_the_moment(now: float, seconds: float) -> None:
    assert wait(LeaseView(HELD, 112.0), now) == seconds


@pytest.mark.parametrize("duration", [3, 12, 15, 600])
def test_the_times_of_an_election_fit_together(duration: int) -> None:
    terms = Terms(duration)
    assert terms.renew_every < terms.deadline < terms.last_resort < terms.duration
    # Clocks may differ in speed by a third.
    assert terms.duration >= 4 / 3 * terms.last_resort
    # One renewal may hang, and another one after it.
    assert terms.renew_every + 2 * terms.patience <= terms.deadline


def test_the_default_replaces_a_dead_leader_in_time_even_if_a_request_hangs() -> None:
    terms = Terms(12)
    assert LOOK_EVERY + terms.duration + terms.patience < 16


# The record.


def test_a_lease_is_read_with_what_it_lacks() -> None:
    body = {"metadata": {"resourceVersion": "1"}, "spec": {}}
    assert parse_lease(body, 12) == LeaseRecord("1", "", 12.0, "", 0)
    assert parse_lease({"metadata": {"resourceVersion": "1"}}, 12).holder == ""


def test_every_change_is_made_to_one_version_only() -> None:
    for change in (records.claim(HELD, "b", NOW, 12), records.renewal(HELD, NOW), records.release(HELD, NOW)):
        assert change["metadata"] == {"resourceVersion": "7"}


def test_a_claim_counts_the_holders_and_a_renewal_does_not() -> None:
    assert records.claim(HELD, "b", NOW, 12)["spec"]["leaseTransitions"] == 4
    assert records.claim(HELD, "a", NOW, 12)["spec"]["leaseTransitions"] == 3
    assert records.renewal(HELD, NOW)["spec"].keys() == {"renewTime"}


def test_a_renewal_by_a_clock_that_stands_still_is_a_change_all_the_same() -> None:
    assert records.renewal(HELD, NOW)["spec"]["renewTime"] == "2026-05-01T12:00:00.000001Z"
    later = records.renewal(HELD, NOW + timedelta(seconds=2))["spec"]["renewTime"]
    assert later == "2026-05-01T12:00:02.000000Z"


def test_a_release_leaves_nobody() -> None:
    assert records.release(HELD, NOW)["spec"]["holderIdentity"] is None
