"""Rotations of the whole cluster: each environment once, so many at a time, the earliest expiry first."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from esc_operator.kube.paths import ENVIRONMENTS, ROTATIONS
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.workqueue.work_queue import Lane
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.environment import Key
from unit.reconciliation import world as worlds
from unit.reconciliation.losses import die_at_each, dying, lose_each
from unit.reconciliation.rollout_world import rolling_login, taking
from unit.reconciliation.rotation_world import RotationWorld
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, login, static

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from unit.reconciliation.fake_api import Call

TICK = timedelta(milliseconds=500)
ROTATION = (ROTATIONS, Key("", "leak"))
TEAMS = {"namespaceSelector": {"matchLabels": {"team": "yes"}}}


def play(
    story: Callable[[RotationWorld], Coroutine[Any, Any, None]], world: RotationWorld | None = None
) -> RotationWorld:
    return worlds.play(story, world or RotationWorld())


def put_many(world: RotationWorld, count: int) -> None:
    """Environments whose names are in the order of their expiry, created in another one."""
    for number in sorted(range(count), key=lambda each: each * 7 % count):
        world.api.put_environment(f"e{number:02}", login(HOUR + number * MINUTE), labels={"team": "ab"[number % 2]})


def complete(world: RotationWorld, name: str = "leak") -> dict[str, Any]:
    conditions: list[dict[str, Any]] = world.rotation(name)["conditions"]
    return next(one for one in conditions if one["type"] == "Complete")


async def end(world: RotationWorld, name: str = "leak") -> None:
    for _ in range(400):
        if world.rotation(name).get("completedAt"):
            return
        await world.skip(TICK)
    raise AssertionError(f"it does not end: {world.rotation(name)}")


def test_each_environment_is_minted_for_once_in_the_order_of_expiry_and_so_many_at_a_time() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 23)
        world.api.put_environment("plain", static(COLOUR="blue"))
        async with world.operator():
            await world.skip(MINUTE)
            world.rotate(maxConcurrent=4, reason="a leaked laptop")
            await end(world)
            assert world.tally() == ("Succeeded", 24, 0, 0, 24, 0, 0)
            assert world.rotation()["progress"] == "24/24"
            writes = world.api.count("patch_status", "apply")
            await world.skip(MINUTE, step=SECOND)
            assert world.api.count("patch_status", "apply") == writes
        assert world.cloud.mints == {f"e{number:02}": 2 for number in range(23)}
        assert world.order == [*(f"e{number:02}" for number in range(23)), "plain"]
        assert world.most_under_way == 4
        assert {world.honoured(name) for name in world.order} == {world.api._find(*ROTATION)["metadata"]["uid"]}
        assert {world.told(name) for name in world.order} == {WELL}

    play(story)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, ["e00", "e01", "e02", "e03", "other"]),
        ({"matchLabels": {"team": "a"}}, ["e00", "e02"]),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["b"]}]}, ["e01", "e03"]),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, ["other"]),
        ({"namespaces": ["else", "else"]}, ["other"]),
        ({"namespaceSelector": {"matchLabels": {"stage": "live"}}}, ["other"]),
        ({"namespaceSelector": {"matchLabels": {"stage": "live"}}, "matchLabels": {"team": "a"}}, []),
        ({"role": "role-of-e0[12]"}, []),
        ({"role": "*-of-e?1"}, ["e01"]),
        ({"provider": "login", "role": "*e00"}, ["e00"]),
        ({"provider": "other"}, []),
    ],
)
def test_those_are_asked_whom_the_selector_means(selector: dict[str, Any], expected: list[str]) -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 4)
        world.api.put_environment("other", login(9 * HOUR), "else")
        world.api.put_namespace("apps")
        world.api.put_namespace("else", {"stage": "live"})
        async with world.operator():
            world.rotate(selector=selector)
            await end(world)
        assert world.order == expected
        assert world.tally()[:2] == ("Succeeded" if expected else "Failed", len(expected))

    play(story)


def spread_out(many: int = 3) -> RotationWorld:
    """A world with ClusterEscEnvironments: `wide` fills so many namespaces, and `base` is only imported."""
    world = RotationWorld()
    world.is_of_the_cluster = True
    for number in range(many):
        world.api.put_namespace(f"team-{number}", {"team": "yes"})
    world.api.put_environment("wide", login(HOUR + 90 * SECOND, target=TEAMS), "", labels={"team": "a"})
    world.api.put_environment("base", static(A="1"), "", labels={"team": "a"})
    return world


def test_one_of_the_cluster_is_one_among_the_others_whatever_number_of_namespaces_it_fills() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 4)
        async with world.operator():
            world.rotate("plan", dryRun=True)
            await end(world, "plan")
            planned = world.rotation("plan")["planned"]
            assert [one["name"] for one in planned] == ["e00", "ClusterEscEnvironment/wide", "e01", "e02", "e03"]
            assert "namespace" not in planned[1]
            world.rotate(maxConcurrent=2)
            await end(world)
            assert world.tally() == ("Succeeded", 5, 0, 0, 5, 0, 0)
            await world.skip(MINUTE, step=SECOND)
        assert (set(world.order[:2]), world.order[2:]) == ({"e00", "wide"}, ["e01", "e02", "e03"])
        assert world.most_under_way == 2
        assert world.cloud.mints == {"wide": 2} | {f"e0{number}": 2 for number in range(4)}
        assert world.honoured("wide", "") == world.api._find(*ROTATION)["metadata"]["uid"]
        assert "rotation" not in world.api.environment("base", "").get("status", {})

    play(story, spread_out())


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, ["wide", "e00"]),
        ({"matchLabels": {"team": "a"}}, ["wide", "e00"]),
        ({"matchLabels": {"team": "b"}}, []),
        ({"role": "role-of-wide"}, ["wide"]),
        ({"provider": "other"}, []),
        ({"namespaces": ["apps", "team-0"]}, ["e00"]),
    ],
)
def test_a_selector_means_those_of_the_cluster_unless_it_names_namespaces(
    selector: dict[str, Any], expected: list[str]
) -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("e00", login(2 * HOUR), labels={"team": "a"})
        async with world.operator():
            world.rotate(selector=selector)
            await end(world)
        assert world.order == expected

    play(story, spread_out())


def test_a_namespace_that_does_not_get_the_new_values_is_reported_and_one_that_is_slow_is_waited_for() -> None:
    async def story(world: RotationWorld) -> None:
        foreign = {"A": "bm8="}
        world.api.put_secret("wide", foreign, "team-1")
        async with world.operator():
            world.rotate()
            await end(world)
            assert world.tally() == ("Failed", 1, 0, 0, 0, 1, 0)
            (failure,) = world.rotation()["failures"]
            assert (failure["name"], failure["reason"]) == ("ClusterEscEnvironment/wide", "NamespacesFailing")
            assert failure["message"].startswith("1 of 3 namespaces do not have the values: team-1: SecretNotOwned")
            world.api.delete_secret("wide", "team-1")
            await world.skip(MINUTE, step=SECOND)

            world.api.refusals["apply", "secrets"] = UnavailableError("away")
            world.rotate("again")
            await world.skip(2 * SECOND, step=TICK)
            assert world.tally("again") == ("Running", 1, 0, 1, 0, 0, 0)
            world.api.refusals.clear()
            await end(world, "again")
            assert world.tally("again") == ("Succeeded", 1, 0, 0, 1, 0, 0)
            assert world.honoured("wide", "") == world.api._find(ROTATIONS, Key("", "again"))["metadata"]["uid"]

    play(story, spread_out())


def test_one_of_the_cluster_that_fills_no_namespace_has_nothing_to_be_renewed() -> None:
    async def story(world: RotationWorld) -> None:
        async with world.operator():
            world.rotate()
            await end(world)
            assert world.tally() == ("Failed", 0, 0, 0, 0, 0, 0)
            assert complete(world)["reason"] == "NothingSelected"
            assert (
                "environments that fill no Secret (NoVariables, NoNamespaces) have nothing to renew"
                in (complete(world)["message"])
            )
            assert not world.cloud.mints

    play(story, spread_out(0))


def test_one_of_the_cluster_that_is_suspended_or_deleted_counts_as_any_other() -> None:
    async def story(world: RotationWorld) -> None:
        async with world.operator():
            world.api.put_environment("wide", login(suspend=True, target=TEAMS), "")
            world.rotate()
            await end(world)
            assert world.tally() == ("Failed", 1, 0, 0, 0, 0, 1)
            assert complete(world)["reason"] == "NothingSelected"
            assert complete(world)["message"].startswith("the only environment that matches is suspended")
            world.api.put_environment("wide", login(target=TEAMS), "")
            await world.settle()
            world.cloud.gate = asyncio.Event()
            world.rotate("again")
            await world.skip(TICK)
            assert world.tally("again") == ("Running", 1, 0, 1, 0, 0, 0)
            world.api.delete_environment("wide", "")
            world.cloud.gate.set()
            await world.settle()
            await end(world, "again")
            assert world.tally("again") == ("Succeeded", 0, 0, 0, 0, 0, 0)

    play(story, spread_out())


def test_suspended_environments_are_left_out_and_reported() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 3)
        world.api.put_environment("off", login(suspend=True))
        async with world.operator():
            world.rotate()
            await end(world)
        assert world.tally() == ("Succeeded", 4, 0, 0, 3, 0, 1)
        ((result, seconds, *counts),) = world.meter.of("rotated")
        assert (result, counts) == ("succeeded", [3, 0])
        assert 0 < float(str(seconds)) < 60
        assert world.rotation()["progress"] == "3/3"
        assert "rotation" not in world.status("off")

    play(story)


def test_a_dry_run_tells_whom_it_would_ask_and_asks_nobody() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 60)
        world.api.put_environment("off", login(suspend=True))
        async with world.operator():
            before = dict(world.cloud.mints)
            world.rotate(dryRun=True)
            await end(world)
            await world.skip(MINUTE, step=SECOND)
            assert world.cloud.mints == before
        async with world.operator():
            pass
        assert world.order == []
        assert world.tally() == ("DryRun", 61, 60, 0, 0, 0, 1)
        planned = world.rotation()["planned"]
        assert [one["name"] for one in planned] == [f"e{number:02}" for number in range(50)]
        assert planned[0]["expiresAt"] == world.status("e00")["expiresAt"]

    play(story)


def test_it_stops_after_so_many_failures_and_tells_them_by_name() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 12)
        async with world.operator():
            for name in ("e02", "e05", "e06"):
                world.cloud.refusals[name] = Refused("RoleTrustRefused", f"no trust in {name}", retryable=False)
            world.rotate(maxConcurrent=1, stopAfterFailures=2)
            await end(world)
            assert world.tally() == ("Stopped", 12, 6, 0, 4, 2, 0)
            assert world.rotation()["failures"] == [
                {"namespace": "apps", "name": name, "reason": "RoleTrustRefused", "message": f"no trust in {name}"}
                for name in ("e02", "e05")
            ]
            world.cloud.refusals.clear()
            await world.skip(MINUTE, step=SECOND)
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
        assert world.order == [f"e0{number}" for number in range(6)]

    play(story)


def told_by_events(world: RotationWorld) -> list[tuple[str, str, str]]:
    """Type, reason and message of those about EscRotations."""
    mine = [event for event in world.api.events if event["involvedObject"]["kind"] == "EscRotation"]
    assert {event["metadata"]["namespace"] for event in mine} <= {"default"}
    return [(event["type"], event["reason"], event["message"]) for event in mine]


def test_events_tell_the_begin_each_failure_once_and_the_end() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 6)
        async with world.operator():
            for name in ("e02", "e04"):
                world.cloud.refusals[name] = Refused("RoleTrustRefused", f"no trust in {name}", retryable=False)
            world.rotate(maxConcurrent=2)
            await end(world)
            await world.skip(MINUTE, step=SECOND)
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
        begin, *failures, over = told_by_events(world)
        assert begin == ("Normal", "Rotating", "starts: 6 environments are selected; 2 at a time")
        assert failures == [
            ("Warning", "EnvironmentFailed", f"apps/{name}: RoleTrustRefused: no trust in {name}")
            for name in ("e02", "e04")
        ]
        assert over[:2] == ("Warning", "EnvironmentsFailed")
        assert over[2].startswith("4 of 6 environments have new values; 2 failed")

    play(story)


def test_of_many_failures_the_first_are_reported_by_events_also_by_an_operator_that_takes_over() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 40)
        async with world.operator():
            for number in range(40):
                world.cloud.refusals[f"e{number:02}"] = Refused("RoleTrustRefused", "no trust", retryable=False)
            world.rotate(maxConcurrent=1)
            while world.tally()[5] < 8:
                await world.skip(SECOND / 2)
        async with world.operator():
            await end(world)
        reasons = [reason for _, reason, _ in told_by_events(world)]
        assert reasons == ["Rotating", *["EnvironmentFailed"] * 11, "EnvironmentsFailed"]
        assert (
            told_by_events(world)[-2][2] == "more than 10 environments have failed: status.failures names more of them"
        )

    play(story)


def test_events_that_are_refused_stop_nothing_and_a_stop_and_a_bad_schedule_are_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 3)
        async with world.operator():
            world.cloud.refusals["e00"] = Refused("RoleTrustRefused", "no trust", retryable=False)
            world.api.refusals["create_event", "events"] = ForbiddenError("no")
            world.rotate("silent", maxConcurrent=1)
            await end(world, "silent")
            assert told_by_events(world) == []
            lost = [record for record in caplog.records if "was not posted" in record.getMessage()]
            assert lost[0].getMessage() == "EscRotation silent: the event Rotating was not posted: no"
            assert lost[1].getMessage() == "apps/e00: the event RoleTrustRefused was not posted: no"
            assert [getattr(record, "environment", None) for record in lost[:2]] == [None, "apps/e00"]
            del world.api.refusals["create_event", "events"]
            world.rotate("strict", maxConcurrent=1, stopAfterFailures=1)
            await end(world, "strict")
            world.rotate("never", schedule="0 0 31 2 *")
            await world.skip(MINUTE, step=SECOND)
            world.rotate("plan", dryRun=True)
            await world.skip(MINUTE, step=SECOND)
        kinds = [(kind, reason) for kind, reason, _ in told_by_events(world)]
        assert kinds == [
            ("Normal", "Rotating"),
            ("Warning", "EnvironmentFailed"),
            ("Warning", "TooManyFailures"),
            ("Warning", "InvalidSchedule"),
            ("Normal", "DryRun"),
        ]

    play(story)


def test_what_passes_by_itself_is_waited_for_and_what_does_not_has_failed() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 2)
        async with world.operator():
            world.cloud.refusals["e00"] = Refused("Throttled", "slow down")
            world.cloud.refusals["e01"] = Refused("Throttled", "slow down")
            world.rotate()
            await world.skip(2 * SECOND, step=TICK)
            assert world.tally() == ("Running", 2, 0, 2, 0, 0, 0)
            del world.cloud.refusals["e00"]
            await end(world)
            assert world.tally() == ("Failed", 2, 0, 0, 1, 1, 0)
            world.cloud.refusals.clear()
            await world.skip(10 * MINUTE, step=SECOND)
        # Nobody takes the request back: it is honoured once it can be.
        assert world.honoured("e01") == world.honoured("e00")
        assert world.cloud.mints == {"e00": 2, "e01": 2}

    play(story)


def test_a_rotation_waits_for_pods_unless_it_leaves_them() -> None:
    async def story(world: RotationWorld) -> None:
        for name in ("aws", "gcp"):
            world.api.put_environment(name, rolling_login(HOUR if name == "aws" else 2 * HOUR))
        async with world.operator():
            for name in ("aws", "gcp"):
                world.api.put_workload(name, taking(name))
            await world.skip(MINUTE)
            world.rotate(maxConcurrent=1)
            await world.skip(5 * SECOND, step=TICK)
            assert world.tally() == ("Running", 2, 1, 1, 0, 0, 0)
            assert world.api.patches == ["aws"]
            world.api.arrive("aws")
            await world.skip(5 * SECOND, step=TICK)
            world.api.arrive("gcp")
            await end(world)
            assert world.api.patches == ["aws", "gcp"]
            await world.skip(MINUTE, step=SECOND)
            world.rotate("quiet", maxConcurrent=1, rollout=False)
            await end(world, "quiet")
            assert world.tally("quiet")[0] == "Succeeded"
            assert world.api.patches == ["aws", "gcp"]
            assert world.rolled_out("aws") == ("False", "PodsLeft")
        assert world.cloud.mints == {"aws": 3, "gcp": 3}

    play(story)


def test_pods_that_wait_for_somebody_are_a_failure_and_hold_up_nobody() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.pods_come = True
        world.api.put_environment("aws", rolling_login(HOUR))
        world.api.put_environment("gcp", rolling_login(2 * HOUR))
        async with world.operator():
            world.api.put_workload("web", taking("aws"), paused=True)
            await world.skip(MINUTE)
            world.rotate(maxConcurrent=1)
            await end(world)
        assert world.tally() == ("Failed", 2, 0, 0, 1, 1, 0)
        assert world.rotation()["failures"][0]["reason"] == "RolloutBlocked"

    play(story)


def test_suspending_it_asks_nobody_more_and_it_goes_on_afterwards() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 6)
        async with world.operator():
            world.rotate(maxConcurrent=2)
            await world.skip(TICK)
            world.rotate(maxConcurrent=2, suspend=True)
            await world.skip(MINUTE, step=TICK)
            asked = len(world.order)
            assert 0 < asked < 6
            assert world.tally() == ("Suspended", 6, 6 - asked, 0, asked, 0, 0)
            world.rotate(maxConcurrent=2)
            await end(world)
        assert world.tally()[0] == "Succeeded"
        assert set(world.cloud.mints.values()) == {2}

    play(story)


def test_environments_that_are_deleted_or_created_meanwhile_count_nowhere() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 5)
        async with world.operator():
            await world.skip(MINUTE)
            world.rotate(maxConcurrent=1)
            await world.settle()
            world.api.delete_environment("e03")
            world.api.put_environment("new", login(), creationTimestamp="2027-01-01T00:00:00Z")
            await end(world)
        assert world.tally() == ("Succeeded", 4, 0, 0, 4, 0, 0)
        assert "new" not in world.order

    play(story)


def test_a_later_rotation_stands_for_an_earlier_one() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 8)
        async with world.operator():
            await world.skip(MINUTE)
            world.rotate("first", maxConcurrent=1)
            await world.skip(2 * TICK, step=TICK)
            world.rotate("second", maxConcurrent=3)
            await end(world, "first")
            await end(world, "second")
            assert world.tally("first")[0] == world.tally("second")[0] == "Succeeded"
        assert max(world.cloud.mints.values()) <= 3
        assert world.honoured("e07") == world.api._find(ROTATIONS, Key("", "second"))["metadata"]["uid"]

    play(story)


def test_a_request_for_rotators_in_pulumi_cloud_is_not_lost_to_a_later_run_and_is_not_made_twice() -> None:
    def asked(world: RotationWorld, name: str) -> bool:
        return bool(world.status(name)["rotation"].get("pulumiRotators"))

    async def story(world: RotationWorld) -> None:
        world.api.put_environment("well", login())
        world.api.put_environment("ill", login())
        async with world.operator():
            await world.skip(MINUTE)
            world.cloud.refusals["ill"] = Refused("RoleTrustRefused", "no trust", retryable=False)
            world.rotate("first", pulumiRotators=True)
            await end(world, "first")
            assert (asked(world, "well"), asked(world, "ill")) == (True, True)
            await world.skip(MINUTE, step=SECOND)
            world.rotate("second")
            await end(world, "second")
            # The first is honoured by the one environment. The other one still has to meet both.
            assert (asked(world, "well"), asked(world, "ill")) == (False, True)
            world.cloud.refusals.clear()
            world.rotate("third")
            await end(world, "third")
            await world.skip(MINUTE, step=SECOND)
            world.rotate("fourth")
            await end(world, "fourth")
            assert (asked(world, "well"), asked(world, "ill")) == (False, False)

    play(story)


def test_a_schedule_runs_when_it_comes_and_once_for_all_that_was_missed() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("aws", login(12 * HOUR))
        async with world.operator():
            world.rotate(schedule="30 12 * * *")
            await world.settle()
            assert world.tally()[0] == "Pending"
            assert world.rotation()["nextScheduleTime"] == "2026-05-01T12:30:00Z"
            await world.skip(31 * MINUTE, step=TICK * 10)
            assert world.tally()[:2] == ("Succeeded", 1)
            assert world.rotation()["lastScheduleTime"] == "2026-05-01T12:30:00Z"
            assert world.cloud.mints == {"aws": 2}
        async with world.operator():
            await world.skip(MINUTE, step=SECOND)
            assert world.cloud.mints == {"aws": 2}
        world.time += timedelta(days=3)
        async with world.operator():
            world.rotations.queue.add("leak", Lane.CHANGE) if world.rotations else None
            await world.skip(MINUTE, step=SECOND)
            assert world.rotation()["run"] == 2
            assert world.rotation()["lastScheduleTime"] == "2026-05-04T12:30:00Z"
            assert world.rotation()["nextScheduleTime"] == "2026-05-05T12:30:00Z"
        assert world.honoured("aws").endswith("/2")

    play(story)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"schedule": "61 * * * *"}, 'spec.schedule: "61 * * * *" is not a cron expression'),
        ({"schedule": "0 0 30 2 *"}, "spec.schedule"),
        ({"schedule": "0 0 * * *", "timeZone": "Nowhere/Else"}, 'spec.timeZone: there is no time zone "Nowhere/Else"'),
        ({"schedule": "0 0 * * *", "timeZone": "../../etc/passwd"}, "spec.timeZone: there is no time zone"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_reported(spec: dict[str, Any], told: str) -> None:
    async def story(world: RotationWorld) -> None:
        async with world.operator():
            world.rotate(**spec)
            await world.settle()
            (complete, _) = world.rotation()["conditions"]
            assert (complete["status"], complete["reason"]) == ("False", "InvalidSchedule")
            assert complete["message"].startswith(told)
            world.rotate(schedule="0 0 * * *")
            await world.settle()
            assert world.tally()[0] == "Pending"

    play(story)


def test_rights_that_are_missing_ask_nobody_twice_and_it_goes_on_once_they_are_there() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 3)
        async with world.operator():
            world.api.refusals["patch_status", ENVIRONMENTS.plural] = ForbiddenError("no right to patch")
            world.rotate()
            await world.skip(10 * SECOND, step=SECOND)
            world.api.refusals.clear()
            await end(world)
        assert world.tally()[0] == "Succeeded"
        assert set(world.cloud.mints.values()) == {2}

    play(story)


# Faults.

COUNT = 5


async def live(world: RotationWorld) -> None:
    put_many(world, COUNT)
    async with world.operator():
        await world.skip(MINUTE)
        world.rotate(maxConcurrent=2)
        await world.skip(MINUTE, step=TICK)
        await world.skip(5 * MINUTE, step=5 * SECOND)


async def live_twice(number: int, world: RotationWorld) -> None:
    with dying(world.api, number):
        put_many(world, COUNT)
        async with world.operator():
            await world.skip(MINUTE)
            world.rotate(maxConcurrent=2)
            for _ in range(20):
                if world.api.unavailable:
                    break
                await world.skip(TICK)
    async with world.operator():
        await world.skip(MINUTE, step=TICK)
        await world.skip(5 * MINUTE, step=5 * SECOND)


@cache
def calls_since_it_began() -> dict[int, Call]:
    calls = play(live, spread_out(2)).api.calls
    begin = next(number for number, call in enumerate(calls) if call.plural == ROTATIONS.plural)
    return dict(enumerate(calls[begin:], begin))


def check(world: RotationWorld) -> None:
    assert world.tally() == ("Succeeded", COUNT + 1, 0, 0, COUNT + 1, 0, 0)
    assert world.most_under_way <= 2
    assert sorted(world.order) == [*(f"e0{number}" for number in range(COUNT)), "wide"]
    places = {name: "" if name == "wide" else "apps" for name in world.order}
    assert len({world.honoured(name, place) for name, place in places.items()}) == 1
    assert all(world.api.secret("wide", f"team-{number}") for number in range(2))


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_each_environment_is_minted_for_once(kind: str) -> None:
    def check_mints(world: RotationWorld) -> None:
        check(world)
        assert set(world.cloud.mints.values()) == {2}

    lose_each(calls_since_it_began(), kind, live, lambda: spread_out(2), check_mints)


def test_an_operator_that_dies_at_any_request_is_made_up_for_by_the_next() -> None:
    def check_mints(world: RotationWorld) -> None:
        check(world)
        # What it had minted and not yet written died with it: two at most were under way.
        assert sum(world.cloud.mints.values()) <= 2 * (COUNT + 1) + 2
        assert max(world.cloud.mints.values()) <= 3

    die_at_each(calls_since_it_began(), live_twice, lambda: spread_out(2), check_mints)


def test_roles_that_fit_only_with_two_stars_are_taken_along_and_the_event_says_so() -> None:
    async def story(world: RotationWorld) -> None:
        put_many(world, 2)
        async with world.operator():
            world.rotate(selector={"role": "role-of-e0?"})
            await end(world)
        assert world.tally()[:2] == ("Succeeded", 2)
        assert "the role of 2 of them matches only with ** in place of each *" in told_by_events(world)[0][2]

    play(story)


def test_a_rotation_of_what_opens_nothing_says_that_nothing_was_renewed() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("one", static(A="1"))
        world.api.put_environment("two", static(A="2"))
        async with world.operator():
            world.rotate()
            await end(world)
            told = complete(world)
            assert (told["status"], told["reason"]) == ("True", "NothingRenewed")
            assert told["message"] == (
                "0 of 2 environments have new values, and 2 open no provider and have no rotator, so that nothing was "
                "renewed"
            )
            world.api.put_environment("aws", login())
            await world.settle()
            world.rotate("again")
            await end(world, "again")
            told = complete(world, "again")
            assert told["reason"] == "Rotated"
            assert told["message"].startswith("1 of 3 environments have new values, and 2 open no provider")

    play(story, RotationWorld())


def test_a_request_by_annotation_that_renews_nothing_has_an_event_and_others_have_none() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("one", static(A="1"))
        world.api.put_environment("base", static())
        world.api.put_environment("aws", login())
        async with world.operator():
            for name in ("one", "base", "aws"):
                world.api.annotate_environment(name, annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            await world.skip(HOUR)
            events = [one for one in world.api.events if one["reason"] == "NothingRenewed"]
            assert sorted(one["involvedObject"]["name"] for one in events) == ["base", "one"]
            assert "the environment opens no provider and has no rotator" in events[0]["message"]

    play(story, RotationWorld())
