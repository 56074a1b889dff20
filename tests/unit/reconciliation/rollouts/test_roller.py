"""New data reaches the pods, once: through restarts, lost requests, other people's edits and other Secrets, and no more
is asked of the API server than that takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, InvalidError, UnavailableError
from esc_operator.formats.times import parse_time
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.environment import Key
from unit.reconciliation.rollout_world import (
    ARGO_ROLLOUTS,
    DAEMON_SETS,
    DEPLOYMENTS,
    REPLICAS,
    STATEFUL_SETS,
    RolloutWorld,
    rolling,
    rolling_login,
    rolling_value,
    taking,
)
from unit.reconciliation.world import HOUR, MINUTE, SECOND, START, WELL, key, login, static

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from unit.reconciliation.fake_api import Call

ALL_WELL = ("True", "RolledOut")
STEP = 2 * SECOND
NEARLY_DUE = 40 * MINUTE + 30 * SECOND
"""So old are credentials that nobody is given any more, and that are not renewed yet."""
ROTATE: Any = {ROTATE_REQUESTED_AT: "now"}


def play(story: Callable[[RolloutWorld], Coroutine[Any, Any, None]], at_once: int = 10) -> RolloutWorld:
    world = RolloutWorld(at_once)

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await story(world)

    asyncio.run(bounded())
    return world


async def begin(world: RolloutWorld, *names: str) -> None:
    """An environment `app` with its first data, and Deployments that take it."""
    for name in names or ("web",):
        world.api.put_workload(name, taking("app"))
    await world.put("app", rolling_value("1"))
    assert world.rolled_out("app") == ALL_WELL
    assert not world.api.patches
    await world.skip(MINUTE)


def test_the_first_data_rolls_nothing_and_other_data_rolls_those_that_take_it() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("other", taking("another"))
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            assert world.api.patches == ["web"]
            assert world.rolled_out("app") == ("False", "RollingOut")
            assert world.told("app") == WELL
            world.api.arrive("web")
            await world.skip(STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert world.condition("app", "RolledOut")["message"] == "1 workload runs with the current values"

    play(story)


def test_the_end_of_a_rollout_is_known_with_its_revision_and_its_time() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            before = world.status("app")["rolledOutRevision"]
            await world.put("app", rolling_value("2"))
            assert "rolledOutRevision" not in world.status("app")
            assert parse_time(world.status("app")["rolloutStartedAt"]) == world.time.replace(microsecond=0)
            for pods in range(REPLICAS + 1):
                world.api.arrive("web", new=pods)
                await world.skip(20 * SECOND, step=STEP)
                assert world.rolled_out("app")[0] == ("True" if pods == REPLICAS else "False")
            status = world.status("app")
            assert status["rolledOutRevision"] == world.api.marks("web")["app"].revision != before
            assert 40 <= status["rolloutSeconds"] <= 43
            assert "rolloutStartedAt" not in status

    play(story)


def test_every_kind_is_rolled_and_followed() -> None:
    async def story(world: RolloutWorld) -> None:
        del world.api.refusals["list_page", "rollouts"]
        kinds = [DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, ARGO_ROLLOUTS]
        for resource in kinds:
            world.api.put_workload("web", taking("app"), resource)
        async with world.operator():
            await world.put("app", rolling_value("1"))
            await world.skip(MINUTE)
            await world.put("app", rolling_value("2"))
            assert len(world.api.patches) == 4
            for resource in kinds:
                assert world.rolled_out("app") == ("False", "RollingOut")
                world.api.arrive("web", resource)
                await world.skip(STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert len(world.api.patches) == 4

    play(story)


def test_each_renewal_of_credentials_rolls_once() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login())
            await world.skip(6 * HOUR, step=MINUTE / 2)
            assert len(world.api.patches) == world.cloud.mints["aws"] - 1 >= 6
            assert world.rolled_out("aws") == ALL_WELL

    play(story)


@pytest.mark.parametrize("restarts", [1, 3])
def test_a_restart_in_the_middle_of_a_rollout_goes_on_where_it_was(restarts: int) -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world, "web", "api")
            await world.put("app", rolling_value("2"))
            world.api.arrive("api")
        for _ in range(restarts):
            await asyncio.sleep(0)
            world.time += 5 * SECOND
            async with world.operator():
                await world.skip(4 * SECOND, step=STEP)
                assert world.rolled_out("app") == ("False", "RollingOut")
                assert "Deployment web: " in world.condition("app", "RolledOut")["message"]
        async with world.operator():
            world.api.arrive("web")
            await world.skip(40 * SECOND, step=STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert world.status("app")["rolloutSeconds"] >= 5
            assert sorted(world.api.patches) == ["api", "web"]

    play(story)


def test_a_restart_rolls_nothing_and_lists_nothing() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            await world.skip(MINUTE, step=STEP)
        marks, lists, written = world.api.marks("web"), world.api.lists(), world.api.count("patch_status")
        for _ in range(3):
            async with world.operator():
                await world.skip(10 * MINUTE, step=MINUTE)
        assert world.api.marks("web") == marks
        assert (world.api.lists(), world.api.count("patch_status")) == (lists, written)
        assert world.api.patches == ["web"]

    play(story)


def test_what_changes_no_data_rolls_nothing() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            await world.skip(MINUTE, step=STEP)
            lists = world.api.lists()
            await world.put("app", {**rolling_value("2"), "serviceAccountName": "another"})
            await world.put("app", {**rolling_value("2"), "target": {"labels": {"team": "a"}}})
            await world.put("app", rolling_value("2", minInterval="5m"))
            await world.put("app", rolling_value("2"), labels={"x": "y"})
            await world.put("app", rolling_value("2"), annotations=ROTATE)
            await world.skip(3 * HOUR, step=10 * MINUTE)
            assert (world.api.patches, world.api.lists()) == (["web"], lists)
            told = world.condition("app", "RolledOut")
            assert world.rolled_out("app") == ALL_WELL
            assert told["observedGeneration"] == world.api.environment("app")["metadata"]["generation"] > 2

    play(story)


def test_the_policy_never_rolls_nothing_lists_nothing_and_tells_nothing() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            for value in ("1", "2", "3"):
                await world.put("app", static(A=value))
                await world.skip(MINUTE)
        assert (world.api.patches, world.api.lists(), world.condition("app", "RolledOut")) == ([], 0, {})

    play(story)


@pytest.mark.parametrize("change", [{"rollout": {"policy": "Never"}}, {"suspend": True}])
def test_rollouts_that_are_switched_off_leave_no_condition_behind_and_go_on_when_switched_on(
    change: dict[str, Any],
) -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            assert world.rolled_out("app") == ("False", "RollingOut")
            await world.put("app", {**rolling_value("2"), **change})
            assert world.condition("app", "RolledOut") == {}
            assert {"rolledOutRevision", "rolloutStartedAt"} & world.status("app").keys() == set()
            lists = world.api.lists()
            await world.skip(MINUTE, step=STEP)
            assert world.api.lists() == lists
            assert not world.rollouts.roller._memories
            await world.put("app", rolling_value("2"))
            assert world.rolled_out("app") == ("False", "RollingOut")
            world.api.arrive("web")
            await world.skip(STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert world.api.patches == ["web"]

    play(story)


async def roll_twice(world: RolloutWorld) -> None:
    """The life of an environment with two workloads and one change, whatever happens to its requests."""
    async with world.operator():
        for name in ("web", "api"):
            world.api.put_workload(name, taking("app"))
        await world.put("app", rolling_value("1"))
        await world.skip(20 * MINUTE, step=MINUTE)
        await world.put("app", rolling_value("2"))
        for _ in range(30):
            await world.skip(20 * SECOND, step=STEP)
            for name in ("web", "api"):
                if world.api.marks(name):
                    world.api.arrive(name)


CALLS = len(play(roll_twice).api.calls)


@pytest.mark.parametrize("lost", ["lost_before", "lost_after"])
def test_whichever_request_is_lost_everything_is_rolled_once_and_reported(lost: str) -> None:
    for number in range(1, CALLS):

        async def story(world: RolloutWorld, number: int = number) -> None:
            setattr(world.api, lost, {number})
            await roll_twice(world)

        world = play(story)
        where = world.api.calls[number]
        assert world.rolled_out("app") == ALL_WELL, where
        assert world.told("app") == WELL, where
        assert sorted(world.api.patches) == ["api", "web"], where
        revision = world.status("app")["rolledOutRevision"]
        assert {world.api.marks(name)["app"].revision for name in ("web", "api")} == {revision}, where


@pytest.mark.parametrize("reached", range(3, CALLS, 2))
def test_a_process_that_ends_at_any_request_leaves_nothing_half_rolled(reached: int) -> None:
    async def story(world: RolloutWorld) -> None:
        def end(_: Call) -> None:
            if len(world.api.calls) > reached:
                raise UnavailableError("the process is gone")

        async with world.operator():
            for name in ("web", "api"):
                world.api.put_workload(name, taking("app"))
            await world.put("app", rolling_value("1"))
            await world.skip(MINUTE)
            world.api.before_call = end
            world.api.put_environment("app", rolling_value("2"))
            await world.settle()
        world.api.before_call = lambda _: None
        async with world.operator():
            for _ in range(20):
                await world.skip(20 * SECOND, step=STEP)
                for name in ("web", "api"):
                    if world.api.marks(name):
                        world.api.arrive(name)
        assert world.rolled_out("app") == ALL_WELL
        assert sorted(world.api.patches) == ["api", "web"]

    play(story)


def test_an_outage_in_the_middle_of_a_rollout_is_survived_and_never_told_as_success() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            world.api.refusals["list_page", "deployments"] = UnavailableError("could not list deployments: timeout")
            await world.put("app", rolling_value("2"))
            assert world.rolled_out("app") == ("False", "KubernetesUnavailable")
            assert world.told("app") == WELL
            assert "could not list deployments" in world.condition("app", "RolledOut")["message"]
            await world.skip(30 * MINUTE, step=STEP)
            del world.api.refusals["list_page", "deployments"]
            await world.skip(6 * MINUTE, step=STEP)
            assert world.rolled_out("app") == ("False", "RollingOut")
            world.api.arrive("web")
            await world.skip(STEP)
            assert world.rolled_out("app") == ALL_WELL

    play(story)


def test_workloads_that_may_not_be_listed_are_asked_for_ever_more_rarely() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            world.api.refusals["list_page", "deployments"] = ForbiddenError("could not list deployments: forbidden")
            await world.put("app", rolling_value("2"))
            lists = world.api.lists()
            await world.skip(HOUR, step=STEP)
            assert world.api.lists() - lists <= 20
            assert world.rolled_out("app") == ("False", "Forbidden")

    play(story)


def test_a_workload_that_somebody_changes_at_the_same_time_is_rolled_all_the_same_and_keeps_no_other_waiting() -> None:
    async def story(world: RolloutWorld) -> None:
        touched = 0

        def interfere(call: Call) -> None:
            nonlocal touched
            if call.verb == "patch" and call.name == "api" and touched < 2:
                touched += 1
                world.api.touch("api", touched=str(touched))

        async with world.operator():
            await begin(world, "api", "web")
            world.api.before_call = interfere
            await world.put("app", rolling_value("2"))
            assert world.api.patches == ["web"]
            assert "Deployment api: it was changed at the same time" in world.condition("app", "RolledOut")["message"]
            await world.skip(4 * SECOND, step=SECOND)
            assert world.api.patches == ["web", "api"]

    play(story)


@pytest.mark.parametrize("error", [ForbiddenError("forbidden by a policy"), InvalidError("spec: no")])
def test_a_workload_that_may_not_be_changed_is_reported_and_tried_again(error: Any) -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            world.api.refusals["patch", "deployments"] = error
            await world.put("app", rolling_value("2"))
            assert world.rolled_out("app") == ("False", "RolloutRefused")
            assert f"Deployment web: {error.message}" in world.condition("app", "RolledOut")["message"]
            tried = world.api.count("patch")
            await world.skip(10 * MINUTE, step=STEP)
            assert 35 <= world.api.count("patch") - tried <= 100
            del world.api.refusals["patch", "deployments"]
            await world.skip(MINUTE, step=STEP)
            assert world.api.patches == ["web"]

    play(story)


def test_kinds_that_the_cluster_does_not_have_are_asked_for_now_and_then() -> None:
    async def story(world: RolloutWorld) -> None:
        def asked() -> int:
            return sum(call.plural == "rollouts" for call in world.api.calls)

        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            for number in range(2, 15):
                await world.put("app", rolling_value(str(number)))
                await world.skip(MINUTE, step=STEP)
            assert len(world.api.patches) == 13
            assert asked() == 3
            del world.api.refusals["list_page", "rollouts"]
            world.api.put_workload("canary", taking("app"), ARGO_ROLLOUTS)
            for number in range(20, 26):
                await world.put("app", rolling_value(str(number)))
                await world.skip(MINUTE, step=STEP)
            assert world.api.marks("canary", ARGO_ROLLOUTS)["app"] == world.api.marks("web")["app"]

    play(story)


def test_while_pods_come_only_kinds_are_listed_that_there_are_any_of() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            calls = len(world.api.calls)
            await world.skip(MINUTE, step=STEP)
            assert {call.plural for call in world.api.calls[calls:] if call.verb == "list_page"} == {"deployments"}
            world.api.put_workload("db", taking(), STATEFUL_SETS)
            await world.put("app", rolling_value("2", targets=[{"kind": "StatefulSet", "name": "db"}]))
            assert world.api.patches == ["web", "db"]

    play(story)


def test_named_targets_are_rolled_and_only_their_kinds_are_listed() -> None:
    async def story(world: RolloutWorld) -> None:
        targets = [
            {"kind": "StatefulSet", "name": "db"},
            {"kind": "StatefulSet", "selector": {"matchLabels": {"tier": "back"}}},
        ]
        world.api.put_workload("db", taking(), STATEFUL_SETS)
        world.api.put_workload("queue", taking(), STATEFUL_SETS, labels={"tier": "back"})
        world.api.put_workload("other", taking("app"), STATEFUL_SETS)
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            for value in ("1", "2"):
                await world.put("app", rolling_value(value, targets=targets))
                await world.skip(MINUTE)
        # Revisions that no template names say nothing; older ones are rolled.
        assert sorted(world.api.patches) == ["db", "queue"]
        assert {call.plural for call in world.api.calls if call.verb == "list_page"} == {"secrets", "statefulsets"}

    play(story)


def test_a_mark_that_is_taken_off_again_and_again_is_put_back_at_the_interval_and_reported() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2", minInterval="1m"))
            for _ in range(300):
                if world.api.marks("web"):
                    world.api.take_off("web")
                await world.skip(STEP)
            assert world.rolled_out("app") == ("False", "RolloutReverted")
            assert 9 <= len(world.api.patches) <= 11

    play(story)


def test_pods_that_never_come_are_reported_and_give_their_turn_to_others() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("db", taking("app"), STATEFUL_SETS)
        world.api.put_workload("web", taking("other"))
        async with world.operator():
            for value in ("1", "2"):
                await world.put("app", rolling_value(value))
                await world.skip(MINUTE)
            assert world.api.patches == ["db"]
            world.api.arrive("db", STATEFUL_SETS, new=1)
            for value in ("1", "2"):
                await world.put("other", rolling_value(value))
                await world.skip(SECOND)
            await world.skip(8 * MINUTE, step=STEP)
            assert world.rolled_out("app") == ("False", "RollingOut")
            assert world.rolled_out("other") == ("False", "RolloutWaiting")
            assert world.api.patches == ["db"]
            await world.skip(3 * MINUTE, step=STEP)
            assert world.rolled_out("app") == ("False", "RolloutStuck")
            assert (
                "1 of 2 pods are new, and nothing has moved for 10m" in world.condition("app", "RolledOut")["message"]
            )
            assert world.api.patches == ["db", "web"]
            lists = world.api.lists()
            world.api.arrive("web")
            await world.skip(10 * MINUTE, step=STEP)
            assert world.api.lists() - lists <= 25
            world.api.arrive("db", STATEFUL_SETS)
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_out("app") == world.rolled_out("other") == ALL_WELL
            assert world.status("app").get("rolloutSeconds", 0) == 0

    play(story, at_once=1)


def test_a_paused_workload_is_rolled_once_it_is_resumed_and_the_pause_is_not_taken_for_its_duration() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world, "web", "api")
            world.api.edit("web", paused=True)
            await world.put("app", rolling_value("2"))
            world.api.arrive("api")
            await world.skip(5 * HOUR, step=MINUTE)
            assert world.rolled_out("app") == ("False", "RolloutBlocked")
            assert world.api.patches == ["api"]
            world.api.edit("web", paused=False)
            await world.skip(MINUTE, step=STEP)
            world.api.arrive("web")
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert world.status("app")["rolloutSeconds"] <= 60

    play(story)


def test_two_secrets_in_one_workload_keep_each_others_mark() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("app", "db"))
        async with world.operator():
            for value in ("1", "2"):
                for name in ("app", "db"):
                    await world.put(name, rolling_value(value))
                await world.skip(MINUTE, step=STEP)
            first = world.api.marks("web")
            assert first.keys() == {"app", "db"}
            # Once each, and with the interval between them.
            assert world.api.patches == ["web", "web"]
            await world.put("db", rolling_value("3"))
            await world.skip(MINUTE, step=STEP)
            second = world.api.marks("web")
            assert second["app"] == first["app"]
            assert second["db"].revision != first["db"].revision
            assert world.rolled_out("app") == world.rolled_out("db") == ALL_WELL

    play(story)


def test_no_more_workloads_are_rolled_at_a_time_than_allowed_and_the_earliest_expiry_goes_first() -> None:
    async def story(world: RolloutWorld) -> None:
        lives = {"a": 3 * HOUR, "b": HOUR, "c": 2 * HOUR, "d": 4 * HOUR}
        async with world.operator():
            for name, life in lives.items():
                world.api.put_workload(f"web-{name}", taking(name))
                await world.put(name, rolling_login(life))
            await world.put("static", rolling(static(A="1")))
            world.api.put_workload("web-static", taking("static"))
            await world.skip(20 * MINUTE)
            await world.put("static", rolling(static(A="2")))
            assert world.api.patches == ["web-static"]
            for name in lives:
                world.api.annotate_environment(name, annotations=ROTATE)
            await world.settle()
            assert {world.rolled_out(name) for name in lives} == {("False", "RolloutWaiting")}
            busy = "web-static"
            for _ in lives:
                await world.skip(30 * SECOND, step=STEP)
                assert world.api.patches[-1] == busy
                world.api.arrive(busy)
                await world.skip(10 * SECOND, step=STEP)
                assert world.api.patches[-1] != busy
                busy = world.api.patches[-1]
            world.api.arrive(busy)
            await world.skip(10 * SECOND, step=STEP)
            assert world.api.patches == ["web-static", "web-b", "web-c", "web-a", "web-d"]
            assert {world.rolled_out(name) for name in lives} == {ALL_WELL}

    play(story, at_once=1)


def test_who_waits_for_a_turn_lists_nothing() -> None:
    async def story(world: RolloutWorld) -> None:
        names = [f"env-{number}" for number in range(40)]
        world.api.put_workload("busy", taking("first"))
        for name in names:
            world.api.put_workload(f"web-{name}", taking(name))
        async with world.operator():
            for value in ("1", "2"):
                for name in ("first", *names):
                    await world.put(name, rolling_value(value))
                await world.skip(10 * SECOND, step=STEP)
            assert len(world.api.patches) == 1
            calls, lists = len(world.api.calls), world.api.lists()
            busy = world.api.patches[0].removeprefix("web-")
            await world.skip(10 * MINUTE - 90 * SECOND, step=STEP)
            of_the_busy = 510 // 2 + 10
            assert world.api.lists() - lists <= of_the_busy
            # Nor do all of them ask all the time: most are far back.
            assert len(world.api.calls) - calls - (world.api.lists() - lists) <= 40 * (510 // 2) / 6
            assert {world.rolled_out(name) for name in ("first", *names) if name != busy} <= {
                ("False", "RolloutWaiting"),
                ("False", "RollingOut"),
            }

    play(story, at_once=1)


def test_who_waits_for_a_turn_learns_of_other_targets() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("busy", taking("first"))
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            for value in ("1", "2"):
                await world.put("first", rolling_value(value))
                await world.put("app", rolling_value(value))
                await world.skip(SECOND)
            assert world.rolled_out("app") == ("False", "RolloutWaiting")
            await world.put("app", rolling_value("2", targets=[{"kind": "Deployment", "name": "nobody"}]))
            assert world.rolled_out("app") == ("True", "NoWorkloads")

    play(story, at_once=1)


def test_an_environment_that_waits_and_is_deleted_keeps_nobody_waiting() -> None:
    async def story(world: RolloutWorld) -> None:
        for name in ("first", "gone", "app"):
            world.api.put_workload(f"web-{name}", taking(name))
        async with world.operator():
            for value in ("1", "2"):
                for name in ("first", "gone", "app"):
                    await world.put(name, rolling_value(value))
                    await world.skip(SECOND)
            assert world.api.patches == ["web-first"]
            world.api.delete_environment("gone")
            await world.settle()
            world.api.arrive("web-first")
            await world.skip(6 * SECOND, step=STEP)
            assert world.api.patches == ["web-first", "web-app"]

    play(story, at_once=1)


def test_pods_of_one_namespace_that_never_come_keep_another_namespace_waiting_for_no_longer_than_a_turn() -> None:
    async def story(world: RolloutWorld) -> None:
        for number in range(20):
            world.api.put_workload(f"dead-{number}", taking("dead"), namespace="red")
        world.api.put_workload("web", taking("app"), namespace="blue")

        def rolled(namespace: str) -> int:
            return sum(key.namespace == namespace for key in world.api.patched)

        async with world.operator():
            world.api.put_environment("app", rolling_value("0"), "blue")
            for revision in range(3):
                world.api.put_environment("dead", rolling_value(str(revision)), "red")
                await world.settle()
                # All at once they wait for a turn of ten seconds, and a minute later not at all.
                for waited in (14, 4):
                    await world.skip(20 * SECOND if waited == 4 else SECOND, step=STEP)
                    before = rolled("blue")
                    world.api.put_environment("app", rolling_value(f"{revision}-{waited}"), "blue")
                    await world.settle()
                    await world.skip(waited * SECOND, step=STEP)
                    assert rolled("blue") == before + 1
                    world.api.arrive("web", namespace="blue")
                    await world.skip(12 * SECOND, step=STEP)
            assert world.rollouts.under_way <= 20
            assert rolled("red") >= 20

    play(story, at_once=20)


def test_a_workload_that_goes_with_its_namespace_gives_its_turn_back_at_once() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("first"), namespace="gone")
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            for value in ("1", "2"):
                world.api.put_environment("first", rolling_value(value), "gone")
                await world.settle()
                await world.put("app", rolling_value(value))
                await world.skip(SECOND)
            assert [key.namespace for key in world.api.patched] == ["gone"]
            world.api._delete(DEPLOYMENTS, Key("gone", "web"))
            world.api.delete_environment("first", "gone")
            await world.settle()
            await world.skip(3 * SECOND, step=SECOND)
            assert [key.namespace for key in world.api.patched] == ["gone", "apps"]

    play(story, at_once=1)


def test_a_workload_that_is_deleted_gives_its_turn_back_at_the_next_look() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web-first", taking("first"))
        world.api.put_workload("web-app", taking("app"))
        async with world.operator():
            for value in ("1", "2"):
                for name in ("first", "app"):
                    await world.put(name, rolling_value(value))
                    await world.skip(SECOND)
            assert world.api.patches == ["web-first"]
            world.api._delete(DEPLOYMENTS, Key("apps", "web-first"))
            await world.skip(6 * SECOND, step=STEP)
            assert world.api.patches == ["web-first", "web-app"]

    play(story, at_once=1)


def test_a_deleted_environment_is_forgotten() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            assert len(world.rollouts.roller._memories) == 1
            world.api.delete_environment("app")
            await world.settle()
            assert not world.rollouts.roller._memories
            calls = len(world.api.calls)
            await world.skip(10 * MINUTE, step=STEP)
            assert len(world.api.calls) == calls

    play(story)


def test_what_is_rolled_out_is_not_remembered() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            for number in range(2, 8):
                await world.put("app", rolling_value(str(number)))
                await world.skip(MINUTE, step=STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert not world.rollouts.roller._memories
            assert len(world.rollouts.roller._slots) == 0

    play(story)


def test_the_next_renewal_comes_the_earlier_the_longer_a_rollout_took() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login())
            await world.put("plain", login())
            usual = parse_time(world.status("aws")["nextRefreshAt"])
            assert usual is not None
            assert usual > START + 40 * MINUTE
            while not world.api.patches:
                await world.skip(10 * SECOND)
            rolled_at = world.time
            planned = parse_time(world.status("aws")["nextRefreshAt"])
            await world.skip(6 * MINUTE, step=STEP)
            world.api.arrive("web", new=1)
            await world.skip(6 * MINUTE, step=STEP)
            world.api.arrive("web")
            await world.skip(4 * SECOND, step=STEP)
            assert world.status("aws")["rolloutSeconds"] in range(720, 726)
            earlier = parse_time(world.status("aws")["nextRefreshAt"])
            assert planned is not None
            assert earlier is not None
            # Twice the rollout instead of a quarter of an hour, and already for this renewal.
            assert 8 * MINUTE <= planned - earlier <= 10 * MINUTE
            await world.skip(earlier - world.time + 5 * SECOND)
            assert world.cloud.mints["aws"] == 3
            assert world.time < rolled_at + 37 * MINUTE

    play(story)


def test_a_lifetime_that_is_too_short_for_its_rollouts_is_warned_of_even_where_none_ever_ends() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login(4 * MINUTE))
            for number in range(600):
                world.api.arrive("web", new=number % 2)  # they come and go, and never are all new
                await world.skip(STEP)
            assert world.rolled_out("aws") == ("False", "RollingOut")
            assert world.condition("aws", "LifetimeTooShort")["status"] == "True"
            world.api.pods_come = True
            await world.skip(10 * MINUTE, step=STEP)
            assert world.rolled_out("aws") == ALL_WELL
            assert world.condition("aws", "LifetimeTooShort") == {}

    play(story)


def test_a_provider_outage_does_not_stop_a_rollout_that_is_under_way() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login())
            while not world.api.patches:
                await world.skip(10 * SECOND)
            world.cloud.refusals["aws"] = Refused("ProviderUnavailable", "the cloud does not answer")
            world.api.annotate_environment("aws", annotations=ROTATE)
            await world.settle()
            assert world.told("aws") == ("True", "Synced", "False", "ProviderUnavailable")
            world.api.arrive("web")
            await world.skip(MINUTE, step=STEP)
            assert world.rolled_out("aws") == ALL_WELL

    play(story)


def test_a_secret_that_is_deleted_and_put_back_rolls_the_pods_that_held_the_former_one() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login())
            while world.cloud.mints["aws"] < 2:
                await world.skip(10 * SECOND)
            await world.skip(NEARLY_DUE, step=MINUTE)
            assert world.api.patches == ["web"]
            world.api.delete_secret("aws")
            await world.settle()
            await world.skip(MINUTE, step=STEP)
            assert world.cloud.mints["aws"] == 3
            assert world.api.patches == ["web", "web"]
            assert world.rolled_out("aws") == ALL_WELL

    play(story)


def test_pods_that_no_mark_stands_on_are_rolled_when_a_deleted_secret_is_put_back_with_other_credentials() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login())
            await world.skip(NEARLY_DUE, step=MINUTE)
            assert not world.api.patches
            world.api.delete_secret("aws")
            await world.settle()
            await world.skip(MINUTE, step=STEP)
            assert world.cloud.mints["aws"] == 2
            assert world.api.patches == ["web"]

    play(story)


def test_a_secret_that_is_deleted_and_put_back_with_the_same_data_rolls_nothing() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            await world.skip(MINUTE, step=STEP)
            world.api.delete_secret("app")
            await world.settle()
            await world.skip(MINUTE, step=STEP)
            assert world.values("app") == {"A": "2"}
            assert world.api.patches == ["web"]

    play(story)


@pytest.mark.parametrize("while_away", [True, False])
def test_a_secret_that_is_put_back_by_another_process_or_after_an_outage_rolls_the_pods_too(while_away: bool) -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("aws"))
        async with world.operator():
            await world.put("aws", rolling_login())
            await world.skip(NEARLY_DUE, step=MINUTE)
            if not while_away:
                world.cloud.refusals["aws"] = Refused("ProviderUnavailable", "the cloud does not answer")
                world.api.delete_secret("aws")
                await world.settle()
                world.cloud.refusals.clear()
                await world.skip(MINUTE, step=STEP)
        if while_away:
            world.api.delete_secret("aws")
        async with world.operator():
            await world.skip(MINUTE, step=STEP)
        assert world.cloud.mints["aws"] == 2
        assert world.api.patches == ["web"]

    play(story)


@pytest.mark.parametrize("change", [None, "2"])
def test_a_secret_of_plain_values_that_was_deleted_while_no_operator_ran_rolls_pods_only_for_other_values(
    change: str | None,
) -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            await world.put("app", rolling_value("1"))
            await world.skip(MINUTE, step=STEP)
        world.api.delete_secret("app")
        if change:
            world.api.put_environment("app", rolling_value(change))
        async with world.operator():
            await world.skip(MINUTE, step=STEP)
        assert world.values("app") == {"A": change or "1"}
        assert world.api.patches == (["web"] if change else [])
        assert world.rolled_out("app") == ALL_WELL

    play(story)


def test_the_first_secret_of_another_name_rolls_nobody() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        world.api.put_workload("web", taking("aws"))
        world.api.put_workload("other", taking("another"))
        async with world.operator():
            await world.put("aws", rolling_login())
            await world.put("aws", rolling_login(target={"name": "another"}))
            await world.skip(MINUTE, step=STEP)
        assert world.api.patches == []

    play(story)


def told_by_events(world: RolloutWorld) -> list[tuple[str, str]]:
    return [(event["reason"], event["message"]) for event in world.api.events]


def test_events_tell_the_beginning_and_the_end_of_a_rollout_and_nothing_in_between() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("app"))
        world.api.put_workload("db", taking("app"), STATEFUL_SETS)
        async with world.operator():
            await world.put("app", rolling_value("1"))
            assert told_by_events(world) == []
            await world.put("app", rolling_value("2"))
            await world.skip(MINUTE, step=STEP)
            began = ("RollingOut", "Deployment web: its pods are replaced; StatefulSet db: its pods are replaced")
            assert told_by_events(world) == [began]
            world.api.arrive("web")
            await world.skip(10 * SECOND, step=STEP)
            world.api.arrive("db", STATEFUL_SETS)
            await world.skip(10 * SECOND, step=STEP)
            assert world.rolled_out("app") == ALL_WELL
            (_, message) = told_by_events(world)[1]
            assert message.startswith("all 2 workloads run with the current values, after 1m")
            await world.skip(HOUR, step=MINUTE)
        async with world.operator():
            await world.skip(MINUTE, step=STEP)
        assert len(world.api.events) == 2

    play(story)


def test_a_trouble_that_comes_and_goes_is_reported_by_one_event() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            await world.put("app", rolling_value("1"))
            await world.put("app", rolling_value("2"))
            for _ in range(6):
                world.api.take_off("web")
                await world.skip(30 * SECOND, step=STEP)
        told = [reason for reason, _ in told_by_events(world)]
        assert told == ["RollingOut", "RolloutReverted"]
        assert world.api.events[-1]["type"] == "Warning"

    play(story)


def test_a_secret_that_is_put_back_as_it_was_after_an_outage_is_told_as_rolled_out_again() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.pods_come = True
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))
            await world.skip(MINUTE, step=STEP)
            world.cloud.refusals["app"] = Refused("ProviderUnavailable", "the cloud does not answer")
            world.api.delete_secret("app")
            await world.settle()
            assert world.rolled_out("app") == ("", "")
            world.cloud.refusals.clear()
            await world.skip(MINUTE, step=STEP)
            assert world.values("app") == {"A": "2"}
            assert world.rolled_out("app") == ALL_WELL

    play(story)


def test_a_spec_that_overlaps_a_rollout_rolls_the_rest_with_the_newest_values_only() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world, "api", "web")
            await world.put("app", rolling_value("2"))
            world.api.arrive("web")
            await world.skip(4 * SECOND, step=STEP)
            await world.put("app", rolling_value("3"))
            assert world.rolled_out("app") == ("False", "RolloutWaiting")
            await world.skip(20 * SECOND, step=STEP)
            for name in ("api", "web"):
                world.api.arrive(name)
            await world.skip(4 * SECOND, step=STEP)
            assert world.rolled_out("app") == ALL_WELL
            assert sorted(world.api.patches) == ["api", "api", "web", "web"]
            revision = world.status("app")["rolledOutRevision"]
            assert {world.api.marks(name)["app"].revision for name in ("api", "web")} == {revision}

    play(story)


def test_no_wake_up_is_lost_and_none_is_made_without_need() -> None:
    """While pods come, the environment is read once in two seconds; afterwards not before its refresh."""

    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            await world.put("app", rolling_value("2"))

            def reads() -> int:
                return sum(call.verb == "read" and call.plural == ENVIRONMENTS.plural for call in world.api.calls)

            before = reads()
            await world.skip(MINUTE, step=SECOND / 2)
            assert 28 <= reads() - before <= 31
            world.api.arrive("web")
            await world.skip(4 * SECOND, step=SECOND / 2)
            assert world.rolled_out("app") == ALL_WELL
            before = reads()
            await world.skip(10 * HOUR, step=MINUTE)
            assert reads() == before
            assert world.reconciler.cache.find(key("app")) is not None

    play(story)


# What is told of it.


def test_a_rollout_is_reported_when_it_ends_and_with_how_long_it_took() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world, "web", "worker")
            assert world.meter.of("stamped", "rolled_out") == []
            await world.put("app", rolling_value("2"))
            await world.skip(5 * STEP, step=STEP)
            assert world.meter.of("stamped", "rolled_out") == [(), ()]
            world.api.arrive("web")
            world.api.arrive("worker")
            await world.skip(5 * STEP, step=STEP)

        assert world.meter.of("rolled_out") == [("completed", 12.0)]

    play(story)


def test_a_rollout_that_comes_to_a_stop_is_reported_once() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            world.api.edit("web", paused=True)
            await world.put("app", rolling_value("2"))
            await world.skip(MINUTE, step=STEP)

        assert world.meter.of("rolled_out") == [("blocked", None)]

    play(story)


def test_a_webhook_that_is_down_for_one_workload_keeps_no_other_waiting_and_is_noticed_when_it_is_back() -> None:
    down = UnavailableError(
        'could not change deployments apps/api: the admission webhook "w.io" cannot be reached (connection refused)',
        reason="AdmissionWebhookUnavailable",
    )

    async def story(world: RolloutWorld) -> None:
        refused = {"api"}

        def picky(call: Call) -> None:
            world.api.refusals.pop(("patch", "deployments"), None)
            if call.verb == "patch" and call.name in refused:
                world.api.refusals["patch", "deployments"] = down

        async with world.operator():
            await begin(world, "api", "web")
            world.api.before_call = picky
            await world.put("app", rolling_value("2"))
            assert world.api.patches == ["web"]
            assert world.rolled_out("app") == ("False", "RolloutRefused")
            assert f"Deployment api: {down.message}" in world.condition("app", "RolledOut")["message"]
            assert world.told("app") == WELL
            assert ("workloads", "AdmissionWebhookUnavailable") in world.meter.of("write_failed")
            await world.skip(30 * SECOND, step=SECOND)
            refused.clear()
            await world.skip(5 * SECOND, step=SECOND)
            assert world.api.patches == ["web", "api"]

    play(story)


def test_an_api_server_that_changes_no_workload_is_noticed_when_it_is_back() -> None:
    async def story(world: RolloutWorld) -> None:
        async with world.operator():
            await begin(world)
            world.api.refusals["patch", "deployments"] = UnavailableError("could not change deployments apps/web: 503")
            await world.put("app", rolling_value("2"))
            assert world.rolled_out("app") == ("False", "KubernetesUnavailable")
            await world.skip(MINUTE, step=SECOND)
            del world.api.refusals["patch", "deployments"]
            await world.skip(5 * SECOND, step=SECOND)
            assert world.api.patches == ["web"]

    play(story)
