"""The planner of rotations: whatever happens never too many at a time, each asked once, in order, and an end."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.rotations.judgement import (
    EnvironmentState,
    EnvironmentView,
    Obstacle,
    Outcome,
    Run,
    judge,
)
from esc_operator.reconciliation.rotations.plan import Begin, Idle, next_candidates, what_now
from esc_operator.reconciliation.rotations.progress import plan_dry_run, run_status
from esc_operator.reconciliation.rotations.schedule import InvalidScheduleError, last_time, next_time
from esc_operator.resources.environment import Key
from esc_operator.resources.requirements import LabelSelector
from esc_operator.resources.rotate_request import AskedRotation
from esc_operator.resources.rotation import (
    MAX_LISTED,
    EscRotation,
    Phase,
    RotationStatus,
    Selector,
    parse_rotation_status,
    parse_selector,
)
from esc_operator.resources.rotation_selection import Candidate, Fit, fit, in_order
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
FINAL, PASSING = Obstacle("RoleTrustRefused", "no", final=True), Obstacle("Throttled", "slow", final=False)

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
    ends = st.sampled_from(
        [
            EnvironmentState.SUCCEEDED,
            EnvironmentState.SUCCEEDED,
            EnvironmentState.FAILED,
            EnvironmentState.SKIPPED,
            EnvironmentState.GONE,
        ]
    )
    for number in range(80):
        # Nobody is under way for ever.
        may_be = ends if number > 20 else st.one_of(ends, st.just(EnvironmentState.RUNNING))
        for key, outcome in list(outcomes.items()):
            if outcome.state is EnvironmentState.RUNNING:
                outcomes[key] = Outcome(data.draw(may_be), "R", "m")
        failed = Counter(key.namespace for key, outcome in outcomes.items() if outcome.state is EnvironmentState.FAILED)
        chosen = list(next_candidates(rotation, status, outcomes, waiting).asked)
        if stop_after:
            assert all(failed[one.key.namespace] < stop_after for one in chosen)
        asked += chosen
        outcomes |= {one.key: Outcome(EnvironmentState.RUNNING) for one in chosen}
        waiting = [one for one in waiting if one.key not in outcomes]
        assert sum(outcome.state is EnvironmentState.RUNNING for outcome in outcomes.values()) <= at_once
        status = run_status(rotation, status, outcomes, waiting, NOW)
        counts = status.counts
        assert counts.selected == sum((counts.waiting, counts.running, counts.succeeded, counts.failed, counts.skipped))
        if status.completed_at:
            break
    assert status.completed_at, "it never ends"
    assert len({one.key for one in asked}) == len(asked)
    for namespace in {one.key.namespace for one in asked}:
        mine = [one for one in asked if one.key.namespace == namespace]
        assert mine == [one for one in candidates(times) if one.key.namespace == namespace][: len(mine)]
    if len(asked) < len(times):
        assert stop_after
        assert status.phase is Phase.STOPPED
    elif status.phase is not Phase.STOPPED:
        gone = sum(outcome.state is EnvironmentState.GONE for outcome in outcomes.values())
        nobody = status.counts.selected == status.counts.skipped and (status.counts.skipped or not gone)
        assert status.phase is (Phase.FAILED if status.counts.failed or nobody else Phase.SUCCEEDED)
    # What is over stays as it is, and asks nobody more.
    assert isinstance(what_now(rotation, status, NOW + HOUR), Idle)
    assert parse_rotation_status(status.to_dict()) == status


def of(namespace: str, number: int) -> Candidate:
    key = Key(namespace, f"{namespace}-{number:03}")
    return Candidate(key, str(key), key, expires_at=NOW + timedelta(minutes=number))


def test_namespaces_take_turns_so_that_nobodys_six_hundred_keep_others_waiting() -> None:
    waiting = [*(of("red", number) for number in range(600)), of("blue", 900), of("green", 901)]
    choice = next_candidates(replace(ROTATION, at_once=4), RotationStatus(run=1), {}, waiting)
    assert [one.key.name for one in choice.asked] == ["red-000", "blue-900", "green-901", "red-001"]


def test_one_at_a_time_the_namespace_goes_first_that_was_asked_least() -> None:
    rotation, outcomes, order = replace(ROTATION, at_once=1), dict[Key, Outcome](), list[str]()
    waiting = [of(name, number) for number in range(3) for name in ("red", "blue", "green")]
    while waiting:
        (one,) = next_candidates(rotation, RotationStatus(run=1), outcomes, waiting).asked
        outcomes[one.key] = Outcome(EnvironmentState.SUCCEEDED)
        waiting.remove(one)
        order.append(one.key.namespace)
    assert order == ["red", "blue", "green"] * 3 or Counter(order[:3]) == Counter(order[3:6]) == Counter(order[6:])


def test_environments_that_hang_do_not_hold_all_places() -> None:
    """Those of one namespace never come to an end; the other's are served one after the other all the same."""
    rotation, outcomes = replace(ROTATION, at_once=10), dict[Key, Outcome]()
    waiting = [*(of("red", number) for number in range(600)), *(of("blue", 900 + number) for number in range(40))]
    for _ in range(8):
        choice = next_candidates(rotation, RotationStatus(run=1), outcomes, waiting)
        outcomes |= {one.key: Outcome(EnvironmentState.RUNNING) for one in choice.asked}
        waiting = [one for one in waiting if one.key not in outcomes]
        outcomes |= {key: Outcome(EnvironmentState.SUCCEEDED) for key in outcomes if key.namespace == "blue"}
    assert sum(key.namespace == "blue" for key in outcomes) == 40
    assert sum(key.namespace == "red" for key in outcomes) == 5


def test_one_namespaces_failures_stop_only_its_own_share_however_few_may_be() -> None:
    for stop_after in (1, 2, 3):
        rotation = replace(ROTATION, at_once=3, stop_after=stop_after)
        outcomes = {of("red", number).key: Outcome(EnvironmentState.FAILED, "R", "m") for number in range(stop_after)}
        waiting = [*(of("red", 100 + number) for number in range(20)), of("blue", 200)]
        choice = next_candidates(rotation, RotationStatus(run=1), outcomes, waiting)
        assert [one.key.name for one in choice.asked] == ["blue-200"]
        outcomes[of("blue", 200).key] = Outcome(EnvironmentState.SUCCEEDED)
        over = run_status(rotation, RotationStatus(run=1), outcomes, waiting[:-1], NOW)
        assert (over.phase, over.completed_at) == (Phase.STOPPED, NOW)
        assert over.conditions[0].message == (
            f"1 of {stop_after + 21} environments have new values; {stop_after} failed in 1 namespace "
            f"(spec.stopAfterFailures is {stop_after}); stopped in red ({stop_after} failed): "
            f"0 running, 20 waiting, {stop_after} failed, 0 left out"
        )


def test_failures_of_so_many_namespaces_stop_it_for_all() -> None:
    rotation = replace(ROTATION, at_once=3, stop_after=3)
    outcomes = {of(name, 1).key: Outcome(EnvironmentState.FAILED, "R", "m") for name in ("red", "blue", "green")}
    waiting = [of("white", 200)]
    assert not next_candidates(rotation, RotationStatus(run=1), outcomes, waiting).asked
    over = run_status(rotation, RotationStatus(run=1), outcomes, waiting, NOW)
    assert over.phase is Phase.STOPPED
    # It stays so, though one of them comes round.
    outcomes[of("red", 1).key] = Outcome(EnvironmentState.SUCCEEDED)
    assert not next_candidates(rotation, replace(over, completed_at=None), outcomes, waiting).asked


def test_a_selector_that_means_nobody_is_a_failure_unless_that_is_said_to_be_fine() -> None:
    rotation = replace(ROTATION, selector=Selector(namespaces=("shop",), role="arn:*:role/leaked"))
    status = run_status(rotation, RotationStatus(run=1), {}, (), NOW)
    told, failed = status.conditions
    assert (status.phase, status.completed_at) == (Phase.FAILED, NOW)
    assert (told.status, told.reason, failed.status) == ("False", "NothingSelected", "True")
    assert told.message == (
        "no environment matches the selector (namespaces: shop; role: arn:*:role/leaked), so nothing was rotated: "
        "compare the selector with the namespaces and labels of `kubectl get escenvironments -A --show-labels`, and "
        "with status.logins of `kubectl get escenvironments -A -o yaml`; environments that fill no Secret "
        "(NoVariables, NoNamespaces) have nothing to renew; to accept this, set spec.allowNone "
        "(`esc rotate --allow-none`)"
    )
    fine = run_status(replace(rotation, allows_none=True), RotationStatus(run=1), {}, (), NOW)
    assert (fine.phase, fine.conditions[0].reason) == (Phase.SUCCEEDED, "Rotated")


def test_a_dry_run_that_means_nobody_tells_it_as_well() -> None:
    status = plan_dry_run(replace(ROTATION, dry_run=True), RotationStatus(), [], NOW)
    assert (status.phase, status.conditions[0].reason) == (Phase.DRY_RUN, "NothingSelected")
    assert [one.status for one in status.conditions] == ["False", "True"]
    off = replace(of("red", 1), suspended=True)
    status = plan_dry_run(
        replace(ROTATION, dry_run=True), RotationStatus(), [off, replace(off, key=Key("a", "b"))], NOW
    )
    assert status.conditions[0].message.startswith("all 2 that match are suspended, so nothing was rotated")
    fine = plan_dry_run(replace(ROTATION, dry_run=True, allows_none=True), RotationStatus(), [], NOW)
    assert fine.conditions[0].reason == "DryRun"


def test_an_environment_whose_role_fits_only_with_two_stars_is_planned_and_that_is_reported() -> None:
    status = plan_dry_run(replace(ROTATION, dry_run=True), RotationStatus(), [replace(of("red", 1), wide=True)], NOW)
    assert len(status.to_dict()["planned"]) == 1
    assert status.conditions[0].message.endswith("the role of 1 of them matches only with ** in place of each *")


def test_an_environment_whose_role_is_not_told_is_planned_and_that_is_reported() -> None:
    status = plan_dry_run(replace(ROTATION, dry_run=True), RotationStatus(), [replace(of("red", 1), unsure=True)], NOW)
    assert status.to_dict()["planned"] == [
        {"namespace": "red", "name": "red-001", "expiresAt": "2026-05-01T12:01:00Z", "roleHidden": True}
    ]
    assert status.conditions[0].message.endswith("the login of 1 of them is hidden, so they may match")


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (None, EnvironmentState.GONE),
        (EnvironmentView(None, ASKED), EnvironmentState.RUNNING),
        (EnvironmentView(RECORD, ASKED), EnvironmentState.RUNNING),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED), EnvironmentState.SUCCEEDED),
        (EnvironmentView(replace(RECORD, rotation="uid"), LATER), EnvironmentState.SUCCEEDED),
        (EnvironmentView(replace(RECORD, rotation="other"), LATER), EnvironmentState.SUCCEEDED),
        (EnvironmentView(replace(RECORD, rotation="past"), EARLIER), EnvironmentState.RUNNING),
        (EnvironmentView(RECORD, ASKED, suspended=True), EnvironmentState.SKIPPED),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED, suspended=True), EnvironmentState.SUCCEEDED),
        (EnvironmentView(RECORD, ASKED, PASSING), EnvironmentState.RUNNING),
        (EnvironmentView(RECORD, ASKED, FINAL), EnvironmentState.FAILED),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED, FINAL), EnvironmentState.SUCCEEDED),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED, rolls=True), EnvironmentState.RUNNING),
        (
            EnvironmentView(replace(RECORD, rotation="uid"), ASKED, rolls=True, rollout_trouble=FINAL),
            EnvironmentState.FAILED,
        ),
        (
            EnvironmentView(replace(RECORD, rotation="uid"), ASKED, rolls=True, rolled_out=RECORD.revision),
            EnvironmentState.SUCCEEDED,
        ),
        (
            EnvironmentView(replace(RECORD, rotation="uid", leaves_pods=True), ASKED, rolls=True),
            EnvironmentState.SUCCEEDED,
        ),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED, lags=True), EnvironmentState.RUNNING),
        (
            EnvironmentView(replace(RECORD, rotation="uid"), ASKED, lags=True, lag_trouble=PASSING),
            EnvironmentState.RUNNING,
        ),
        (
            EnvironmentView(replace(RECORD, rotation="uid"), ASKED, lags=True, lag_trouble=FINAL),
            EnvironmentState.FAILED,
        ),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED, lags=True, suspended=True), EnvironmentState.SKIPPED),
        (EnvironmentView(replace(RECORD, rotation="uid"), ASKED, lag_trouble=FINAL), EnvironmentState.SUCCEEDED),
        (EnvironmentView(None, ASKED, idle=True), EnvironmentState.SUCCEEDED),
        (EnvironmentView(None, EARLIER, idle=True), EnvironmentState.RUNNING),
    ],
)
def test_what_became_of_an_environment(seen: EnvironmentView | None, state: EnvironmentState) -> None:
    assert judge(RUN, seen).state is state


def test_without_rollout_pods_are_not_waited_for() -> None:
    seen = EnvironmentView(replace(RECORD, rotation="uid"), ASKED, rolls=True)
    assert judge(replace(RUN, rolls=False), seen).state is EnvironmentState.SUCCEEDED


@pytest.mark.parametrize(
    ("is_told", "unrotated", "state"),
    [
        # What its status will say of the rotators is not known yet.
        (False, "", EnvironmentState.RUNNING),
        (False, "of an earlier run", EnvironmentState.RUNNING),
        (True, "", EnvironmentState.SUCCEEDED),
        (True, "some rotators have not rotated", EnvironmentState.FAILED),
    ],
)
def test_a_run_that_asks_for_rotators_in_pulumi_cloud_is_met_only_if_they_rotated(
    is_told: bool, unrotated: str, state: EnvironmentState
) -> None:
    seen = EnvironmentView(replace(RECORD, rotation="uid"), ASKED, is_told=is_told, unrotated=unrotated)
    found = judge(replace(RUN, pulumi_rotators=True), seen)
    assert found.state is state
    assert (found.reason == "RotatorsNotRotated") is (state is EnvironmentState.FAILED)
    assert judge(RUN, seen).state is EnvironmentState.SUCCEEDED


def test_failures_are_reported_within_bounds() -> None:
    outcomes = {
        Key("n" * 63, f"{number:03}" + "x" * 250): Outcome(EnvironmentState.FAILED, "R", "m" * 9999)
        for number in range(999)
    }
    status = run_status(ROTATION, RotationStatus(run=1), outcomes, (), NOW)
    assert (status.counts.failed, len(status.failures)) == (999, MAX_LISTED)
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
        ({"role": "**"}, True),
        ({"role": "arn:aws:iam::*:role/*"}, True),
        ({"role": "[a]*"}, False),
        ({"provider": "aws-login", "role": ARN}, True),
        ({"provider": "gcp-login", "role": ARN}, False),
        ({"provider": "gcp-login"}, True),
    ],
)
def test_everything_that_a_selector_gives_has_to_fit(selector: dict[str, Any], *, fits: bool) -> None:
    logins = [{"provider": "aws-login", "role": ARN}, {"provider": "gcp-login"}]
    assert (fit(parse_selector(selector), body("apps", {"team": "a"}, *logins), NAMESPACES.get) is Fit.YES) is fits


IN_A_PATH = "arn:aws:iam::1:role/team/leaked"


@pytest.mark.parametrize(
    ("pattern", "role", "expected"),
    [
        ("arn:aws:iam::*:role/*", IN_A_PATH, Fit.WIDE),
        ("arn:*:role/team/leaked", IN_A_PATH, Fit.WIDE),
        ("*", IN_A_PATH, Fit.WIDE),
        ("*leaked", IN_A_PATH, Fit.WIDE),
        ("arn:aws:iam::?:role/team/leaked", IN_A_PATH, Fit.WIDE),
        ("arn:aws:iam::*:role/**", IN_A_PATH, Fit.YES),
        ("arn:aws:iam::*:role/*/leaked", IN_A_PATH, Fit.YES),
        ("**", IN_A_PATH, Fit.YES),
        ("arn:aws:iam::*:role/apps-*", IN_A_PATH, Fit.NO),
        ("arn:aws:iam::[1]:role/team/leaked", IN_A_PATH, Fit.NO),
        ("*", "roIe-\N{CYRILLIC SMALL LETTER A}", Fit.MAYBE),
    ],
)
def test_a_pattern_means_what_it_means_in_an_allow_list_and_who_may_have_meant_more_is_left_out_by_none(
    pattern: str, role: str, expected: Fit
) -> None:
    listed = body("apps", None, {"provider": "aws-login", "role": role})
    assert fit(Selector(role=pattern), listed, NAMESPACES.get) is expected


def test_an_environment_that_was_never_filled_fits_only_what_asks_for_no_login() -> None:
    bare = {"metadata": {"namespace": "apps", "name": "x"}}
    assert fit(Selector(), bare, NAMESPACES.get) is Fit.YES
    assert fit(Selector(role="*"), bare, NAMESPACES.get) is Fit.NO


HIDDEN = {"provider": "aws-login", "roleHidden": True}
ACME = {"provider": "pulumi", "organization": "acme"}


@pytest.mark.parametrize(
    ("selector", "status", "expected"),
    [
        ({"role": ARN}, {"logins": [HIDDEN]}, Fit.MAYBE),
        ({"role": ARN}, {"logins": [HIDDEN, {"provider": "aws-login", "role": ARN}]}, Fit.YES),
        ({"provider": "aws-login"}, {"logins": [HIDDEN]}, Fit.YES),
        ({"provider": "gcp-login", "role": ARN}, {"logins": [HIDDEN]}, Fit.NO),
        ({"role": ARN}, {"logins": [{"provider": "aws-login", "role": "other"}], "moreLogins": True}, Fit.MAYBE),
        ({"provider": "gcp-login"}, {"logins": [HIDDEN], "moreLogins": True}, Fit.MAYBE),
        # Changed, and not looked at yet: what it is about to open is not known.
        ({"role": ARN}, {"logins": [], "observedGeneration": 1}, Fit.MAYBE),
        ({"role": ARN}, {}, Fit.MAYBE),
        ({"role": ARN}, {"observedGeneration": 2}, Fit.NO),
        ({}, {}, Fit.YES),
        ({"organization": "acme"}, {"logins": [ACME]}, Fit.YES),
        ({"organization": "Acme", "provider": "pulumi"}, {"logins": [ACME]}, Fit.YES),
        ({"organization": "other"}, {"logins": [ACME]}, Fit.NO),
        ({"organization": "other"}, {"logins": [{**ACME, "roleHidden": True}]}, Fit.NO),
        ({"organization": "acme"}, {"logins": [HIDDEN]}, Fit.NO),  # another provider has none
        ({"organization": "acme"}, {"logins": [{"provider": "pulumi"}]}, Fit.MAYBE),
        ({"organization": "acme"}, {"logins": [{"provider": "pulumi", "roleHidden": True}]}, Fit.MAYBE),
        ({"organization": "acme"}, {"logins": [HIDDEN], "moreLogins": True}, Fit.MAYBE),
        ({"organization": "acme"}, {"logins": [], "observedGeneration": 1}, Fit.MAYBE),
        ({"organization": "acme", "role": "team:*"}, {"logins": [{**ACME, "role": "team:platform"}]}, Fit.YES),
        ({"organization": "acme", "role": "team:*"}, {"logins": [{**ACME, "role": "user:me"}]}, Fit.NO),
        (
            {"organization": "acme", "role": "team:*"},
            {"logins": [{**ACME, "organization": "other", "role": "team:a"}]},
            Fit.NO,
        ),
    ],
)
def test_what_is_not_told_of_a_login_is_no_way_around_a_rotation(
    selector: dict[str, Any], status: dict[str, Any], expected: Fit
) -> None:
    found = {"metadata": {"namespace": "apps", "name": "x", "generation": 2}, "status": status}
    if "logins" in status and "observedGeneration" not in status:
        found["status"] = {**status, "observedGeneration": 2}
    assert fit(parse_selector(selector), found, NAMESPACES.get) is expected


def test_of_a_status_that_is_older_than_the_secret_nothing_is_taken_for_true() -> None:
    plain = body("apps", None, {"provider": "aws-login", "role": "other"})
    assert fit(Selector(role=ARN), plain, NAMESPACES.get, is_current=False) is Fit.MAYBE
    assert fit(Selector(role=ARN, namespaces=("else",)), plain, NAMESPACES.get, is_current=False) is Fit.NO


def test_of_a_namespace_that_is_not_known_nothing_fits_a_selector_of_namespaces() -> None:
    lost = {"metadata": {"namespace": "gone", "name": "x"}}
    for selector in ({}, {"matchExpressions": [{"key": "stage", "operator": "DoesNotExist"}]}):
        assert fit(parse_selector({"namespaceSelector": selector}), lost, NAMESPACES.get) is Fit.NO


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
    assert (fit(selector, {"metadata": {"name": "wide"}, "spec": spec}, NAMESPACES.get) is Fit.YES) is fits
