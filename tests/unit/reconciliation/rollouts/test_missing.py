"""A workload that is to be rolled and does not exist is told, until it comes."""

from __future__ import annotations

from typing import Any

from unit.reconciliation.fan_out_world import RollingTeams
from unit.reconciliation.rollout_world import RolloutWorld, rolling_value, taking
from unit.reconciliation.world import MINUTE, WELL, World, play

WRITES = ("apply", "patch", "patch_status", "create_event")


def web(kind: str = "Deployment") -> dict[str, Any]:
    return {"kind": kind, "name": "web"}


def warning(world: World, name: str = "app", namespace: str = "apps") -> str:
    status = world.api.environment(name, namespace)["status"]
    found = [one for one in status["conditions"] if one["type"] == "Warnings"]
    assert {one["reason"] for one in found} <= {"WorkloadsMissing"}
    return found[0]["message"] if found else ""


def test_a_named_workload_that_does_not_exist_is_told_until_it_comes() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_environment("app", rolling_value("1", targets=[web(), {**web(), "name": "wbe"}]))
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            assert world.told("app") == WELL
            assert warning(world) == (
                'spec.rollout.targets: Deployment "wbe" does not exist in namespace apps, and so it is not rolled: '
                "correct kind, name or labels, or create it, which the operator notices"
            )
            writes = world.api.count(*WRITES)
            await world.skip(5 * MINUTE, step=MINUTE / 2)
            assert world.api.count(*WRITES) == writes
            world.api.put_workload("wbe", taking("app"))
            await world.skip(MINUTE / 2)
            assert warning(world) == ""
            assert world.api.patches == []

    play(story, RolloutWorld())


def test_after_a_restart_it_is_still_looked_for() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_environment("app", rolling_value("1", targets=[web()]))
        async with world.operator():
            assert 'Deployment "web" does not exist' in warning(world)
        world.api.put_workload("web", taking("app"))
        async with world.operator():
            await world.skip(MINUTE / 2)
            assert warning(world) == ""

    play(story, RolloutWorld())


def test_labels_that_match_nothing_and_a_kind_that_is_not_served_are_told() -> None:
    async def story(world: RolloutWorld) -> None:
        labels = {"kind": "StatefulSet", "selector": {"matchLabels": {"tier": "db", "app": "x"}}}
        world.api.put_environment("app", rolling_value("1", targets=[labels, web("Rollout")]))
        async with world.operator():
            assert warning(world).startswith(
                'spec.rollout.targets: StatefulSet with labels app=x,tier=db, Rollout "web" do not exist in namespace'
            )

    play(story, RolloutWorld())


def test_a_new_target_is_looked_for_at_once_and_the_warning_goes_with_the_policy() -> None:
    async def story(world: RolloutWorld) -> None:
        world.api.put_workload("web", taking("app"))
        world.api.put_environment("app", rolling_value("1", targets=[web()]))
        async with world.operator():
            assert warning(world) == ""
            world.api.put_environment("app", rolling_value("1", targets=[{**web(), "name": "gone"}]))
            await world.settle()
            assert 'Deployment "gone" does not exist' in warning(world)
            world.api.put_environment("app", rolling_value("1", targets=[{**web(), "name": "gone"}], policy="Never"))
            await world.settle()
            assert warning(world) == ""

    play(story, RolloutWorld())


def test_of_many_namespaces_it_is_told_if_none_has_any_until_one_has() -> None:
    async def story(world: RollingTeams) -> None:
        async with world.operator():
            await world.fill("1", targets=[{**web(), "name": "gone"}])
            assert warning(world, "wide", "") == (
                "spec.rollout.targets: no workload that they mean exists in 3 namespaces, and so none is rolled: "
                "correct kind, name or labels, or create one, which the operator notices within minutes"
            )
            writes = world.api.count(*WRITES)
            await world.skip(20 * MINUTE, step=MINUTE)
            assert world.api.count(*WRITES) == writes
            world.api.put_workload("gone", taking("wide"), namespace="team-01")
            await world.skip(6 * MINUTE, step=MINUTE)
            assert warning(world, "wide", "") == ""
            await world.fill("1", targets=[web()])
            assert warning(world, "wide", "") == ""

    play(story, RollingTeams(3))
