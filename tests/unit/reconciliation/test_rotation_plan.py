"""The planner of rotations: whatever happens never too many at a time, each asked once, in order, and an end."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.rotation_plan import (
    Begin,
    Idle,
    Outcome,
    Run,
    Seen,
    State,
    Trouble,
    judge,
    tell_run,
    what_now,
    whom_to_ask,
)
from esc_operator.reconciliation.rotation_schedule import InvalidScheduleError, last_time, next_time
from esc_operator.resources.environment import Key
from esc_operator.resources.requirements import LabelSelector
from esc_operator.resources.rotate_request import AskedRotation
from esc_operator.resources.rotation import (
    MAX_TOLD,
    EscRotation,
    Phase,
    RotationStatus,
    Selector,
    parse_rotation_status,
    parse_selector,
)
from esc_operator.resources.rotation_selection import Candidate, in_order, is_selected
from esc_operator.resources.sync_record import SyncRecord

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROTATION = EscRotation("leak", "uid", 1, NOW)
RUN = Run("uid", NOW, rolls=True)
RECORD = SyncRecord(
    uid="e", generation=1, digest="d", refreshed_at=NOW, issued_at=NOW, expires_at=None, rotate_request="", imports={}
)
ASKED = AskedRotation("uid", "leak", RUN.asks_from)
LATER = AskedRotation("other", "next", RUN.asks_from + HOUR)
EARLIER = AskedRotation("past", "before", NOW - HOUR)
FINAL, PASSING = Trouble("RoleTrustRefused", "no", final=True), Trouble("Throttled", "slow", final=False)

expiries = st.lists(st.none() | st.integers(0, 50).map(lambda hours: NOW + hours * HOUR), max_size=40)


def candidates(times: list[datetime | None]) -> list[Candidate]:
    return in_order(
        # Every third is one of the cluster.
        Candidate(Key("apps" if number % 3 else "", f"e{number}"), f"u{number}", Key("apps", "s"), expires_at=time)
        for number, time in enumerate(times)
    )


@given(expiries, st.integers(1, 7), st.none() | st.integers(1, 4), st.data())
def test_a_run_keeps_to_its_bounds_and_comes_to_an_end(
    times: list[datetime | None], at_once: int, stop_after: int | None, data: st.DataObject
) -> None:
    rotation = replace(ROTATION, at_once=at_once, stop_after=stop_after)
    begun = what_now(rotation, RotationStatus(), NOW)
    assert isinstance(begun, Begin)
    status, waiting = begun.status, candidates(times)
    asked: list[Candidate] = []
    outcomes: dict[Key, Outcome] = {}
    ends = st.sampled_from([State.SUCCEEDED, State.SUCCEEDED, State.FAILED, State.SKIPPED, State.GONE])
    for number in range(80):
        # Nobody is under way for ever.
        may_be = ends if number > 20 else st.one_of(ends, st.just(State.RUNNING))
        for key, outcome in list(outcomes.items()):
            if outcome.state is State.RUNNING:
                outcomes[key] = Outcome(data.draw(may_be), "R", "m")
        failed = sum(outcome.state is State.FAILED for outcome in outcomes.values())
        chosen = list(whom_to_ask(rotation, status, outcomes, waiting))
        if stop_after and failed >= stop_after:
            assert chosen == []
        asked += chosen
        outcomes |= {one.key: Outcome(State.RUNNING) for one in chosen}
        del waiting[: len(chosen)]
        assert sum(outcome.state is State.RUNNING for outcome in outcomes.values()) <= at_once
        status = tell_run(rotation, status, outcomes, len(waiting), NOW)
        counts = status.counts
        assert counts.selected == sum((counts.waiting, counts.running, counts.succeeded, counts.failed, counts.skipped))
        if status.completed_at:
            break
    assert status.completed_at, "it never ends"
    assert len({one.key for one in asked}) == len(asked)
    assert asked == candidates(times)[: len(asked)]
    if stop_after and status.counts.failed >= stop_after:
        assert status.phase is Phase.STOPPED
    else:
        assert len(asked) == len(times)
        assert status.phase is (Phase.FAILED if status.counts.failed else Phase.SUCCEEDED)
    # What is over stays as it is, and asks nobody more.
    assert isinstance(what_now(rotation, status, NOW + HOUR), Idle)
    assert parse_rotation_status(status.to_dict()) == status


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (None, State.GONE),
        (Seen(None, ASKED), State.RUNNING),
        (Seen(RECORD, ASKED), State.RUNNING),
        (Seen(replace(RECORD, rotation="uid"), ASKED), State.SUCCEEDED),
        (Seen(replace(RECORD, rotation="uid"), LATER), State.SUCCEEDED),
        (Seen(replace(RECORD, rotation="other"), LATER), State.SUCCEEDED),
        (Seen(replace(RECORD, rotation="past"), EARLIER), State.RUNNING),
        (Seen(RECORD, ASKED, suspended=True), State.SKIPPED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, suspended=True), State.SUCCEEDED),
        (Seen(RECORD, ASKED, PASSING), State.RUNNING),
        (Seen(RECORD, ASKED, FINAL), State.FAILED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, FINAL), State.SUCCEEDED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, rolls=True), State.RUNNING),
        (Seen(replace(RECORD, rotation="uid"), ASKED, rolls=True, rollout_trouble=FINAL), State.FAILED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, rolls=True, rolled_out=RECORD.revision), State.SUCCEEDED),
        (Seen(replace(RECORD, rotation="uid", leaves_pods=True), ASKED, rolls=True), State.SUCCEEDED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, lags=True), State.RUNNING),
        (Seen(replace(RECORD, rotation="uid"), ASKED, lags=True, lag_trouble=PASSING), State.RUNNING),
        (Seen(replace(RECORD, rotation="uid"), ASKED, lags=True, lag_trouble=FINAL), State.FAILED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, lags=True, suspended=True), State.SKIPPED),
        (Seen(replace(RECORD, rotation="uid"), ASKED, lag_trouble=FINAL), State.SUCCEEDED),
        (Seen(None, ASKED, idle=True), State.SUCCEEDED),
        (Seen(None, EARLIER, idle=True), State.RUNNING),
    ],
)
def test_what_became_of_an_environment(seen: Seen | None, state: State) -> None:
    assert judge(RUN, seen).state is state


def test_without_rollout_pods_are_not_waited_for() -> None:
    seen = Seen(replace(RECORD, rotation="uid"), ASKED, rolls=True)
    assert judge(replace(RUN, rolls=False), seen).state is State.SUCCEEDED


def test_failures_are_told_within_bounds() -> None:
    outcomes = {
        Key("n" * 63, f"{number:03}" + "x" * 250): Outcome(State.FAILED, "R", "m" * 9999) for number in range(999)
    }
    status = tell_run(ROTATION, RotationStatus(run=1), outcomes, 0, NOW)
    assert (status.counts.failed, len(status.failures)) == (999, MAX_TOLD)
    assert len(str(status.to_dict())) < 64 * 1024


def test_a_single_run_is_the_rotation_itself_and_those_of_a_schedule_are_numbered() -> None:
    assert ROTATION.run_id(1) == "uid"
    assert replace(ROTATION, schedule="@").run_id(3) == "uid/3"


@given(
    st.sampled_from(["0 3 * * *", "*/7 * * * *", "30 2 1 * *", "0 0 * * MON"]),
    st.integers(0, 10**7),
    st.integers(0, 10**6),
)
def test_the_last_time_of_a_schedule_is_the_latest_that_has_come(schedule: str, begin: int, span: int) -> None:
    since = NOW + timedelta(seconds=begin)
    now = since + timedelta(seconds=span)
    last = last_time(schedule, "UTC", since, now)
    if last is None:
        assert next_time(schedule, "UTC", since) > now
    else:
        assert since < last <= now < next_time(schedule, "UTC", last)


def test_a_schedule_keeps_the_clock_of_its_zone_through_the_year() -> None:
    winter, summer = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 7, 5, tzinfo=UTC)
    assert next_time("0 3 * * *", "Europe/Berlin", winter).hour == 2
    assert next_time("0 3 * * *", "Europe/Berlin", summer).hour == 1
    # A night without that hour, and one that has it twice: once each.
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    for night in (spring, autumn):
        first = next_time("30 2 * * *", "Europe/Berlin", night)
        assert timedelta(hours=22) < next_time("30 2 * * *", "Europe/Berlin", first) - first < timedelta(hours=26)


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_a_schedule_says_it_is_a_time_or_refused(schedule: str, zone: str) -> None:
    for text, where in ((schedule, "UTC"), ("0 3 * * *", zone), (f"{schedule} * * * *", "UTC")):
        with contextlib.suppress(InvalidScheduleError):
            assert next_time(text, where, NOW) > NOW


def body(namespace: str = "apps", labels: dict[str, str] | None = None, *logins: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "x", "labels": labels}, "status": {"logins": list(logins)}}


ARN = "arn:aws:iam::1:role/apps"
NAMESPACES = {"apps": {"stage": "live"}, "else": {}}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True),
        ({"namespaces": ["apps"]}, True),
        ({"namespaces": ["app"]}, False),
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": {"matchLabels": {"stage": "live"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"stage": "test"}}}, False),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "stage", "operator": "NotIn", "values": ["live"]}]}},
            False,
        ),
        ({"namespaces": ["apps"], "namespaceSelector": {"matchLabels": {"stage": "live"}}}, True),
        ({"namespaces": ["else"], "namespaceSelector": {"matchLabels": {"stage": "live"}}}, False),
        ({"matchLabels": {"team": "a"}}, True),
        ({"matchLabels": {"team": "b"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "gone", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "gone", "operator": "In", "values": ["b"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"role": "arn:aws:iam::*:role/apps"}, True),
        ({"role": "arn:aws:iam::1:role/app"}, False),
        ({"role": "*"}, True),
        ({"role": "[a]*"}, False),
        ({"provider": "aws-login", "role": ARN}, True),
        ({"provider": "gcp-login", "role": ARN}, False),
        ({"provider": "gcp-login"}, True),
    ],
)
def test_everything_that_a_selector_gives_has_to_fit(selector: dict[str, Any], *, fits: bool) -> None:
    logins = [{"provider": "aws-login", "role": ARN}, {"provider": "gcp-login"}]
    assert is_selected(parse_selector(selector), body("apps", {"team": "a"}, *logins), NAMESPACES.get) is fits


def test_an_environment_that_was_never_filled_fits_only_what_asks_for_no_login() -> None:
    bare = {"metadata": {"namespace": "apps", "name": "x"}}
    assert is_selected(Selector(), bare, NAMESPACES.get)
    assert not is_selected(Selector(role="*"), bare, NAMESPACES.get)


def test_of_a_namespace_that_is_not_known_nothing_fits_a_selector_of_namespaces() -> None:
    lost = {"metadata": {"namespace": "gone", "name": "x"}}
    for selector in ({}, {"matchExpressions": [{"key": "stage", "operator": "DoesNotExist"}]}):
        assert not is_selected(parse_selector({"namespaceSelector": selector}), lost, NAMESPACES.get)


@pytest.mark.parametrize(
    ("selector", "spec", "fits"),
    [
        (Selector(), {"target": {"namespaces": ["apps"]}}, True),
        (Selector(), {"target": {}}, True),
        (Selector(), {}, False),
        (Selector(namespaces=("apps",)), {"target": {"namespaces": ["apps"]}}, False),
        (Selector(namespace_labels=LabelSelector()), {"target": {"namespaces": ["apps"]}}, False),
    ],
)
def test_one_of_the_cluster_fits_if_it_has_a_target_and_no_namespace_is_asked_for(
    selector: Selector, spec: dict[str, Any], *, fits: bool
) -> None:
    assert is_selected(selector, {"metadata": {"name": "wide"}, "spec": spec}, NAMESPACES.get) is fits
