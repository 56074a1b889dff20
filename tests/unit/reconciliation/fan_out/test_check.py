"""A ClusterEscEnvironment that fills no Secret is checked all the same, and says so."""

from __future__ import annotations

from typing import Any

from unit.reconciliation.fan_out_world import Teams
from unit.reconciliation.opening.test_opening import real_opening
from unit.reconciliation.world import HOUR, play, static

WRITES = ("apply", "patch", "patch_status", "delete", "create_event")


def definition(values: Any, **fields: Any) -> dict[str, Any]:
    return {"environment": {"values": values, **fields}}


def test_a_cluster_environment_without_a_target_is_checked() -> None:
    async def story(world: Teams) -> None:
        with real_opening(world):
            world.api.put_environment("wide", definition({"environmentVariables": {"A": "${colour}"}}), "")
            async with world.operator():
                assert world.conditions() == ("False", "UnknownProperty", "False", "UnknownProperty")
                world.api.put_environment("wide", definition({"environmentVariables": {"L": []}}, odd=1), "")
                await world.settle()
                assert world.conditions() == ("True", "NoTarget", "True", "Refreshed")
                (warned,) = [one for one in world.wide["conditions"] if one["type"] == "Warnings"]
                assert warned["message"].startswith("2 warnings: (1) spec.environment.odd")

    play(story, Teams(2))


def test_a_cluster_environment_without_a_target_follows_its_imports_and_is_written_once() -> None:
    async def story(world: Teams) -> None:
        world.api.put_environment("base", static(A="1"), "")
        world.api.put_environment("wide", static("base"), "")
        async with world.operator():
            assert world.conditions() == ("True", "NoTarget", "True", "Refreshed")
            writes = world.api.count(*WRITES)
        async with world.operator():
            assert (world.api.count(*WRITES), world.cloud.opened["wide"]) == (writes, 0)
            world.api.delete_environment("base", "")
            await world.settle()
            assert world.conditions()[:2] == ("False", "ImportNotFound")
            world.api.put_environment("base", static(A="1"), "")
            await world.settle()
            assert world.conditions()[:2] == ("True", "NoTarget")

    play(story, Teams(2))


def test_a_cluster_environment_for_no_namespace_is_checked_and_fills_the_first_that_comes() -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"), namespaces=["late"])
        async with world.operator():
            assert world.conditions()[:2] == ("True", "NoNamespaces")
            assert world.cloud.checked["wide"] == 1
            world.api.put_namespace("late")
            await world.settle()
            assert world.conditions()[:2] == ("True", "Synced")
            assert world.held("late") == {"A": "1"}

    play(story, Teams(2))


def test_a_cluster_environment_that_exports_nothing_takes_its_secrets_away_and_gives_them_back() -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"))
        async with world.operator():
            assert world.everywhere() == {"{'A': '1'}"}
            world.put_wide(static())
            await world.settle()
            assert world.conditions() == ("True", "NoVariables", "True", "Refreshed")
            assert world.everywhere() == {"None"}
            writes = world.api.count(*WRITES)
        async with world.operator():
            await world.skip(24 * HOUR, step=HOUR)
            assert world.api.count(*WRITES) == writes
            world.put_wide(static(A="2"))
            await world.settle()
            assert world.everywhere() == {"{'A': '2'}"}

    play(story, Teams(3))


def test_warnings_of_what_fills_many_namespaces_are_told_and_go() -> None:
    async def story(world: Teams) -> None:
        with real_opening(world):
            world.put_wide(definition({"environmentVariables": {"A": "1", "FEATURES": {"beta": True}}}))
            async with world.operator():
                assert world.conditions() == ("True", "Synced", "True", "Refreshed")
                assert '"FEATURES" (an object) is left out' in warned(world)["message"]
                assert world.everywhere() == {"{'A': '1'}"}
                world.put_wide(definition({"environmentVariables": {"A": "1"}}))
                await world.settle()
                assert warned(world) == {}

    play(story, Teams(2))


def test_a_namespace_that_is_named_and_does_not_exist_is_told_until_it_comes() -> None:
    async def story(world: Teams) -> None:
        world.put_wide(static(A="1"), namespaces=["team-00", "late", "later"])
        async with world.operator():
            assert world.conditions() == ("True", "Synced", "True", "Refreshed")
            assert warned(world) == {
                "reason": "NamespacesMissing",
                "message": 'spec.target.namespaces: "late", "later" do not exist: correct the name, or create the '
                "namespace, which then gets the Secret at once",
            }
            world.api.put_namespace("late")
            await world.settle()
            assert warned(world)["message"].startswith('spec.target.namespaces: "later" does not exist')
            assert world.held("late") == {"A": "1"}
            world.put_wide(static(A="1"), namespaces=["team-00", "late"])
            await world.settle()
            assert warned(world) == {}
            world.api.delete_namespace("late")
            await world.settle()
            assert '"late" does not exist' in warned(world)["message"]

    play(story, Teams(2))


def warned(world: Teams) -> dict[str, str]:
    found = [one for one in world.wide["conditions"] if one["type"] == "Warnings"]
    return {"reason": found[0]["reason"], "message": found[0]["message"]} if found else {}
