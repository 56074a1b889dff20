"""Which workloads are rolled for which data, what is told of the others, and what is learnt of how long it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.rollouts.plan import (
    LOOK_AGAIN,
    LOOK_SELDOM,
    STALLED_AFTER,
    UNHURRIED,
    Behind,
    RolloutPlan,
    concerned_by,
    deadline_of,
    for_its_turn,
    held_back,
    judge_stalled,
    lifetime_warning,
    look_again_at,
    plan_rollout,
    rolled_out,
    stamps_for,
    time_rollout,
)
from esc_operator.resources import reasons
from esc_operator.resources.definition_source import ObjectSource
from esc_operator.resources.environment import (
    EscEnvironment,
    Key,
    Rollout,
    RolloutTarget,
    Target,
)
from esc_operator.resources.status import Status
from esc_operator.resources.sync_record import SyncRecord
from esc_operator.resources.workloads import Progress, Stamp, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

ENVIRONMENT = EscEnvironment(
    key=Key("apps", "aws"),
    uid="e",
    generation=3,
    source=ObjectSource({}),
    target=Target("aws"),
    rollout=Rollout("OnChange"),
)
RECORD = SyncRecord(
    uid="e",
    generation=3,
    digest="d",
    refreshed_at=NOW,
    issued_at=NOW,
    expires_at=NOW + HOUR,
    rotate_request="",
    imports={},
    salt="s",
    changed_at=NOW - MINUTE,
    replaced_expires_at=NOW + 14 * MINUTE,
)
FIRST = replace(RECORD, changed_at=None, replaced_expires_at=None)
PRESENT = Stamp(RECORD.revision, NOW - MINUTE)
FORMER = Stamp("0000", NOW - HOUR)


def workload(name: str = "web", stamp: Stamp | None = None, **fields: Any) -> Workload:
    known: dict[str, Any] = {
        "kind": "Deployment",
        "uid": f"u-{name}",
        "version": "7",
        "created_at": NOW - HOUR,
        "secrets": frozenset({"aws"}),
        "labels": {},
        "stamps": {"aws": stamp} if stamp else {},
        "progress": Progress.DONE,
    }
    return Workload(name=name, **{**known, **fields})


def plan(
    *workloads: Workload,
    record: SyncRecord = RECORD,
    stamped: Mapping[str, datetime] | None = None,
    now: datetime = NOW,
    min_interval: timedelta = MINUTE,
) -> RolloutPlan:
    environment = replace(ENVIRONMENT, rollout=Rollout("OnChange", min_interval=min_interval))
    return plan_rollout(environment, record, workloads, stamped or {}, now)


def told(found: RolloutPlan, record: SyncRecord = RECORD) -> tuple[str, str, str]:
    condition = rolled_out(ENVIRONMENT, found, record, "aws")
    assert (condition.type, condition.observed_generation) == ("RolledOut", 3)
    return condition.status, condition.reason, condition.message


def test_the_first_data_of_a_secret_rolls_nothing() -> None:
    found = plan(workload(), record=FIRST)
    assert found.is_done
    assert told(found) == ("True", "RolledOut", "1 workload runs with the current values")


def test_where_nothing_takes_the_secret_there_is_nothing_to_roll() -> None:
    assert told(plan()) == ("True", "NoWorkloads", 'no workload takes Secret "aws"')


def test_a_workload_older_than_the_data_is_rolled() -> None:
    found = plan(workload())
    assert [one.name for one in found.roll] == ["web"]
    assert told(found)[:2] == ("False", "RollingOut")


def test_a_workload_younger_than_the_data_has_only_seen_that() -> None:
    assert plan(workload(created_at=NOW - 30 * SECOND)).is_done


def test_a_workload_that_may_only_look_younger_because_clocks_differ_is_rolled() -> None:
    assert RECORD.changed_at is not None
    assert plan(workload(created_at=RECORD.changed_at + 5 * SECOND)).roll


def test_a_workload_whose_age_nobody_knows_is_rolled() -> None:
    assert plan(workload(created_at=None)).roll


def test_a_workload_that_names_another_revision_is_rolled_whatever_its_age_and_whatever_the_record_says() -> None:
    assert plan(workload(stamp=FORMER, created_at=NOW)).roll
    assert plan(workload(stamp=FORMER), record=FIRST).roll


def test_a_workload_that_names_the_present_revision_is_never_rolled_again() -> None:
    assert plan(workload(stamp=PRESENT)).is_done


@given(
    st.lists(
        st.builds(
            workload,
            name=st.sampled_from("abcdef"),
            created_at=st.none() | st.just(NOW - HOUR) | st.just(NOW),
            stamps=st.dictionaries(
                st.sampled_from(["aws", "db"]),
                st.builds(Stamp, st.sampled_from(["0000", RECORD.revision]), st.none() | st.just(NOW - HOUR)),
            ),
            progress=st.sampled_from(Progress),
        ),
        unique_by=lambda one: one.name,
    ),
    st.sampled_from([RECORD, FIRST]),
)
def test_a_replay_rolls_nothing_and_keeps_what_belongs_to_other_secrets(
    workloads: list[Workload], record: SyncRecord
) -> None:
    found = plan(*workloads, record=record)
    stamped = [
        replace(one, stamps=stamps_for(one, "aws", record, NOW)) if one in found.roll else one for one in workloads
    ]
    assert not plan(*stamped, record=record).roll
    for before, after in zip(workloads, stamped, strict=True):
        assert before.stamps.get("db") == after.stamps.get("db")


@given(st.lists(st.builds(workload, name=st.sampled_from("abcdef"), progress=st.sampled_from(Progress))))
def test_every_workload_is_done_or_rolled_or_reported(workloads: list[Workload]) -> None:
    stamped = [replace(one, stamps={"aws": PRESENT}) for one in workloads]
    found = plan(*stamped)
    done = [one for one in stamped if one.progress is Progress.DONE]
    assert len(done) + len(found.roll) + len(found.behind) == len(workloads)
    assert found.is_done == (look_again_at(found, NOW) is None)


@pytest.mark.parametrize("progress", [Progress.PAUSED, Progress.ON_DELETE])
@pytest.mark.parametrize("stamp", [None, FORMER, PRESENT])
def test_what_somebody_holds_back_is_reported_and_not_acted_on(progress: Progress, stamp: Stamp | None) -> None:
    found = plan(workload(stamp=stamp, progress=progress, message="it is paused"))
    assert not found.roll
    assert told(found)[:2] == ("False", "RolloutBlocked")
    assert "Deployment web: it is paused" in told(found)[2]
    assert found.needs_somebody


def test_a_partition_does_not_hold_back_the_mark_but_is_reported_afterwards() -> None:
    assert plan(workload(progress=Progress.PARTITIONED)).roll
    after = plan(workload(stamp=PRESENT, progress=Progress.PARTITIONED, message="its partition keeps 1 of 2 pods"))
    assert told(after)[:2] == ("False", "RolloutBlocked")


@pytest.mark.parametrize("progress", [Progress.RUNNING, Progress.STUCK])
def test_a_rollout_for_other_reasons_does_not_hold_back_the_mark(progress: Progress) -> None:
    assert plan(workload(progress=progress)).roll


def test_a_workload_is_not_rolled_more_often_than_its_interval() -> None:
    recent = workload(stamp=Stamp("0000", NOW - 20 * SECOND))
    found = plan(recent)
    assert not found.roll
    assert told(found)[:2] == ("False", "RolloutWaiting")
    assert "it was rolled less than 1m ago" in told(found)[2]
    assert look_again_at(found, NOW) == NOW + 40 * SECOND
    assert plan(recent, now=NOW + 40 * SECOND).roll


def test_the_interval_counts_from_the_last_rollout_for_whichever_secret() -> None:
    recent = workload(stamps={"aws": FORMER, "db": Stamp("1111", NOW - 20 * SECOND)})
    assert not plan(recent).roll
    assert plan(recent, now=NOW + 40 * SECOND).roll


@pytest.mark.parametrize("at", [NOW + SECOND, NOW + 24 * HOUR, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_a_mark_from_a_clock_that_went_wrong_is_not_waited_for(at: datetime) -> None:
    assert plan(workload(stamp=Stamp("0000", at))).roll


def test_a_mark_without_a_time_is_not_waited_for() -> None:
    assert plan(workload(stamp=Stamp("0000", None))).roll


def test_a_mark_that_was_taken_off_is_put_back_and_reported() -> None:
    found = plan(workload(), stamped={"u-web": NOW - 2 * MINUTE})
    assert [one.name for one in found.roll] == ["web"]
    assert told(found)[:2] == ("False", "RolloutReverted")


def test_a_mark_that_was_taken_off_is_not_put_back_more_often_than_the_interval() -> None:
    found = plan(workload(), stamped={"u-web": NOW - 20 * SECOND})
    assert not found.roll
    assert told(found)[:2] == ("False", "RolloutReverted")
    assert look_again_at(found, NOW) == NOW + 40 * SECOND


def test_a_mark_that_was_put_back_to_a_former_one_is_a_reversal_too() -> None:
    assert told(plan(workload(stamp=FORMER), stamped={"u-web": NOW - 2 * MINUTE}))[1] == "RolloutReverted"


def test_trouble_that_needs_a_person_is_reported_first() -> None:
    everything = [
        workload("waits", Stamp("0000", NOW)),
        workload("runs", PRESENT, progress=Progress.RUNNING, message="1 of 3 pods are new"),
        workload("stuck", PRESENT, progress=Progress.STUCK, message="it exceeded its progress deadline"),
        workload("paused", progress=Progress.PAUSED, message="it is paused"),
        workload("reverted"),
        workload("fresh"),
    ]
    found = plan(*everything, stamped={"u-reverted": NOW - HOUR})
    found = held_back(found, [Behind(everything[5], reasons.ROLLOUT_REFUSED, "an admission webhook says no")])
    assert [one.workload.name for one in found.behind] == ["fresh", "stuck", "paused", "reverted", "runs", "waits"]
    assert [one.name for one in found.roll] == ["reverted"]
    status, reason, message = told(found)
    assert (status, reason) == ("False", "RolloutRefused")
    assert message.startswith("Deployment fresh: an admission webhook says no; Deployment stuck: ")
    assert message.endswith("; and 2 more. The previous values expire at 2026-05-01T12:14:00Z")


def test_values_that_never_expired_have_no_end_to_tell() -> None:
    record = replace(RECORD, replaced_expires_at=None)
    assert "expire" not in told(plan(workload(), record=record), record)[2]


def test_pods_on_their_way_are_looked_at_often_and_those_that_need_a_person_seldom() -> None:
    running = workload("a", PRESENT, progress=Progress.RUNNING)
    stuck = workload("b", PRESENT, progress=Progress.STUCK)
    assert look_again_at(plan(stuck), NOW) == NOW + LOOK_SELDOM
    assert look_again_at(plan(running, stuck), NOW) == NOW + LOOK_AGAIN
    assert look_again_at(plan(workload()), NOW) == NOW + LOOK_AGAIN


@given(st.integers(0, 100_000), st.integers(1, 100))
def test_who_is_far_back_asks_seldom_but_is_not_forgotten(ahead: int, at_once: int) -> None:
    until = for_its_turn(workload(), ahead, at_once, NOW).until
    assert until is not None
    assert LOOK_AGAIN <= until - NOW <= LOOK_SELDOM
    if ahead < at_once:
        assert until == NOW + LOOK_AGAIN


def test_the_values_before_set_the_deadline() -> None:
    assert deadline_of(RECORD, NOW) == NOW + 14 * MINUTE


def test_values_that_do_not_expire_do_not_go_ahead_of_those_that_do_nor_wait_for_ever() -> None:
    static = replace(RECORD, replaced_expires_at=None)
    assert RECORD.changed_at is not None
    assert deadline_of(static, NOW) == RECORD.changed_at + UNHURRIED
    assert deadline_of(static, NOW) > deadline_of(RECORD, NOW)
    assert deadline_of(static, NOW + 2 * HOUR) == deadline_of(static, NOW)
    assert deadline_of(FIRST, NOW) == NOW + UNHURRIED


def test_pods_that_have_not_moved_for_long_are_stuck() -> None:
    running = workload(stamp=PRESENT, progress=Progress.RUNNING, message="2 of 3 pods are new")
    assert judge_stalled(running, NOW - STALLED_AFTER + SECOND, NOW) is running
    stuck = judge_stalled(running, NOW - STALLED_AFTER, NOW)
    assert (stuck.progress, stuck.message) == (Progress.STUCK, "2 of 3 pods are new, and nothing has moved for 10m")
    done = workload(stamp=PRESENT)
    assert judge_stalled(done, NOW - 10 * HOUR, NOW) is done


def targets(*wanted: RolloutTarget) -> Rollout:
    return Rollout("OnChange", targets=wanted)


def test_without_targets_those_that_take_the_secret_are_concerned() -> None:
    taking, other = workload("a"), workload("b", secrets=frozenset({"db"}))
    assert concerned_by(targets(), "aws", [taking, other]) == (taking,)


def test_named_targets_are_concerned_whether_or_not_they_take_the_secret_and_nobody_else() -> None:
    named = workload("named", secrets=frozenset())
    labelled = workload("labelled", kind="StatefulSet", labels={"app": "web", "tier": "back"}, secrets=frozenset())
    others = [
        workload("taking"),
        workload("named", kind="DaemonSet"),
        workload("half", kind="StatefulSet", labels={"app": "web"}),
        workload("bare", kind="StatefulSet"),
    ]
    rollout = targets(
        RolloutTarget("Deployment", "named"),
        RolloutTarget("StatefulSet", labels={"app": "web", "tier": "back"}),
    )
    assert concerned_by(rollout, "aws", [*others, named, labelled]) == (named, labelled)


@pytest.mark.parametrize(
    ("lifetime", "rollout", "warned"),
    [
        (HOUR, 14 * MINUTE, False),
        (HOUR, 15 * MINUTE, False),
        (HOUR, 15 * MINUTE + SECOND, True),
        (90 * SECOND, 20 * SECOND, False),
        (90 * SECOND, 40 * SECOND, True),
        (None, HOUR, False),
        (MINUTE, timedelta(0), False),
    ],
)
def test_a_lifetime_of_less_than_four_rollouts_is_warned_of(
    lifetime: timedelta | None, rollout: timedelta, warned: bool
) -> None:
    warning = lifetime_warning(ENVIRONMENT, lifetime, rollout)
    assert (warning is not None) == warned
    if warning:
        assert (warning.type, warning.status, warning.reason) == ("LifetimeTooShort", "True", "LifetimeTooShort")


def test_the_warning_names_both_times() -> None:
    warning = lifetime_warning(ENVIRONMENT, HOUR, 20 * MINUTE)
    assert warning is not None
    assert warning.message.startswith("credentials live for 1h, and a rollout took 20m: ask for a longer duration")


DONE = RolloutPlan((), (), 1)
ROLLS = RolloutPlan((workload(),), (), 1)
RUNS = RolloutPlan((), (Behind(workload(), reasons.ROLLING_OUT, ""),), 1)
BLOCKED = RolloutPlan((), (Behind(workload(), reasons.ROLLOUT_BLOCKED, ""),), 1)


def under_way(seconds: int = 0, *, since: timedelta = 30 * SECOND) -> Status:
    return Status(rollout_started_at=NOW - since, rollout_seconds=seconds)


def test_a_rollout_is_timed_from_its_first_mark_to_its_last_pod() -> None:
    assert time_rollout(Status(), ROLLS, RECORD, NOW + timedelta(microseconds=9)) == (NOW, 0)
    assert time_rollout(under_way(), RUNS, RECORD, NOW) == (NOW - 30 * SECOND, 0)
    assert time_rollout(under_way(99), DONE, RECORD, NOW) == (None, 30)
    assert time_rollout(under_way(99, since=timedelta(0)), DONE, RECORD, NOW) == (None, 1)


def test_where_nothing_was_rolled_nothing_is_learnt() -> None:
    assert time_rollout(Status(rollout_seconds=99), DONE, RECORD, NOW) == (None, 99)
    assert time_rollout(Status(rollout_seconds=99), RUNS, RECORD, NOW) == (None, 99)


def test_the_time_that_a_person_takes_is_not_the_time_that_a_rollout_takes() -> None:
    assert time_rollout(under_way(20), BLOCKED, RECORD, NOW) == (None, 20)


def test_a_rollout_that_newer_values_overtake_took_so_long_at_least() -> None:
    overtaken = under_way(20, since=41 * MINUTE)  # the data changed a minute ago
    assert time_rollout(overtaken, ROLLS, RECORD, NOW) == (NOW, 40 * 60)
    assert time_rollout(replace(overtaken, rollout_seconds=9999), ROLLS, RECORD, NOW) == (NOW, 9999)
