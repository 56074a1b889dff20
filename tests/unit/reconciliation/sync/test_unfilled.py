"""What exports nothing fills no Secret and says so; it is checked, nothing is opened for it, and importers follow."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.resources import ROTATE_REQUESTED_AT
from unit.reconciliation.fan_out_world import RotatingTeams
from unit.reconciliation.opening.test_opening import real_opening
from unit.reconciliation.opening.test_rotator_secrets import RotatorWorld, rotating
from unit.reconciliation.world import HOUR, WELL, World, play, static

NOTHING = ("True", "NoVariables", "True", "Refreshed")
WRITES = ("apply", "patch", "patch_status", "delete", "create_event")

LOGIN = {"fn::open::aws-login": {"oidc": {"roleArn": "arn:aws:iam::123456789012:role/apps", "sessionName": "apps"}}}


def definition(values: Any = None, **fields: Any) -> dict[str, Any]:
    return {"environment": {**({} if values is None else {"values": values}), **fields}}


@pytest.mark.parametrize(
    "spec",
    [
        definition({"pulumiConfig": {"aws:region": "x"}}),
        definition({}),
        definition({"environmentVariables": {}, "files": {}}),
        definition({"environmentVariables": {"ONLY": {"an": "object"}}}),
        definition({"login": LOGIN}),
        {"definition": "values:\n  pulumiConfig: {a: b}\n"},
        {"definition": "values:\n  environmentVariables: {}\n"},
    ],
)
def test_what_exports_nothing_fills_no_secret_and_says_so(spec: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", spec)
            async with world.operator():
                assert world.told("base") == NOTHING
                ready = world.condition("base")
                expected = "it exports neither environmentVariables nor files: it fills no Secret, others import it"
                assert ready["message"] == expected
                assert world.values("base") is None
                assert "secretName" not in world.status("base")
                assert "failures" not in world.status("base")

    play(story)


def test_nothing_is_written_while_nothing_changes_also_after_a_restart() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", definition({"login": LOGIN}))
            async with world.operator():
                writes = world.api.count(*WRITES)
                assert writes == 1
            async with world.operator():
                await world.skip(24 * HOUR, step=HOUR)
                assert world.told("base") == NOTHING
                assert world.api.count(*WRITES) == writes

    play(story)


def test_a_mistake_in_it_is_told_and_goes() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", definition({"a": "${colour}"}))
            async with world.operator():
                assert world.told("base") == ("False", "UnknownProperty", "False", "UnknownProperty")
                world.api.put_environment("base", definition({"a": "blue"}))
                await world.settle()
                assert world.told("base") == NOTHING

    play(story)


def test_a_change_of_its_import_is_followed_and_what_it_exports_then_is_filled() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", definition({"colour": "blue"}))
            world.api.put_environment("app", definition(imports=["base"]))
            async with world.operator():
                assert (world.told("base"), world.told("app")) == (NOTHING, NOTHING)
            async with world.operator():  # what it imports is known from its status
                world.api.put_environment("base", definition({"environmentVariables": {"A": "1"}}))
                await world.settle()
                assert (world.told("app"), world.values("app")) == (WELL, {"A": "1"})

    play(story)


def test_a_secret_that_is_filled_no_more_goes_with_an_event_and_comes_back() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", definition({"environmentVariables": {"A": "1"}}))
            async with world.operator():
                assert world.values("app") == {"A": "1"}
                world.api.put_environment("app", definition({"environmentvariables": {"A": "1"}}))
                await world.settle()
                assert (world.told("app"), world.values("app")) == (NOTHING, None)
                events = [event for event in world.api.events if event["reason"] == "NoVariables"]
                assert [event["message"].partition("; ")[2] for event in events] == ['Secret "app" is deleted']
                assert "rename it" in world.condition("app", "Warnings")["message"]
                world.api.put_environment("app", definition({"environmentVariables": {"A": "1"}}))
                await world.settle()
                assert (world.told("app"), world.values("app")) == (WELL, {"A": "1"})
                assert world.condition("app", "Warnings") == {}

    play(story)


def test_a_secret_that_is_to_be_kept_stays() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            kept = {"target": {"deletionPolicy": "Retain"}}
            world.api.put_environment("app", {**definition({"environmentVariables": {"A": "1"}}), **kept})
            async with world.operator():
                world.api.put_environment("app", {**definition({"a": "1"}), **kept})
                await world.settle()
                assert (world.told("app"), world.values("app")) == (NOTHING, {"A": "1"})

    play(story)


def test_a_secret_of_somebody_else_under_its_name_is_no_trouble() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_secret("base", {"mine": "eA=="})
            world.api.put_environment("base", definition({"a": "1"}))
            async with world.operator():
                assert world.told("base") == NOTHING
                assert world.values("base") == {"mine": "x"}

    play(story)


def test_a_request_for_new_credentials_is_honoured_once_and_opens_nothing() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", definition({"login": LOGIN}))
            async with world.operator():
                world.api.annotate_environment("base", annotations={ROTATE_REQUESTED_AT: "1"})
                await world.settle()
                assert world.told("base") == NOTHING
                assert world.status("base")["observedRotateRequest"] == "1"

    play(story)


def test_rotators_of_an_environment_without_variables_make_their_secrets_all_the_same() -> None:
    async def story(world: RotatorWorld) -> None:
        spec = rotating(state={"current": "own-0"})
        del spec["environment"]["values"]["environmentVariables"]
        world.api.put_environment("db", spec)
        async with world.operator():
            assert world.told("db") == NOTHING
            world.api.annotate_environment("db", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            assert world.told("db") == NOTHING
            assert world.keys.made == 1
            assert world.status("db")["rotatorStates"] == "apps/db-rotators"

    play(story, RotatorWorld())


def test_a_rotation_leaves_out_what_has_nothing_to_renew() -> None:
    async def story(world: RotatingTeams) -> None:
        world.api.put_environment("base", static())
        async with world.operator():
            assert world.told("base") == NOTHING
            world.rotate(selector={})
            await world.settle()
            assert world.rotation()["phase"] == "Failed"
            assert {one["reason"] for one in world.rotation()["conditions"]} == {"NothingSelected"}

    play(story, RotatingTeams(1))
