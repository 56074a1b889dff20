"""Warnings reach the status of whom they concern, spoil nothing, and go with their cause."""

from __future__ import annotations

import json
from typing import Any

import pytest

from esc_operator.resources.applied import LAST_APPLIED
from unit.reconciliation.fan_out_world import Teams
from unit.reconciliation.opening.test_opening import real_opening
from unit.reconciliation.world import HOUR, WELL, World, login, play

NAMES = '"FEATURES" (an object) and "PORTS" (a list) are left out'


def definition(**fields: Any) -> dict[str, Any]:
    return {"environment": fields}


LEFT_OUT = definition(values={"environmentVariables": {"FEATURES": {"beta": True}, "PORTS": [80, 443], "OK": "1"}})


def warned(world: World, name: str) -> tuple[str, str]:
    """Reason and message of the warnings; empty if there are none."""
    condition = world.condition(name, "Warnings")
    assert condition.get("status", "True") == "True"
    return condition.get("reason", ""), condition.get("message", "")


def test_a_warning_is_told_beside_ready_and_goes_with_its_cause() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", LEFT_OUT)
            async with world.operator():
                assert world.told("app") == WELL
                assert world.values("app") == {"OK": "1"}
                reason, message = warned(world, "app")
                assert reason == "NotExported"
                assert message.startswith(f"spec.environment.values.environmentVariables: {NAMES}")
                assert world.status("app")["warnings"] == [{"reason": reason, "message": message}]
                world.api.put_environment("app", definition(values={"environmentVariables": {"OK": "1"}}))
                await world.settle()
                assert (world.told("app"), warned(world, "app")) == (WELL, ("", ""))
                assert "warnings" not in world.status("app")

    play(story)


def test_nothing_is_written_while_nothing_changes_also_after_a_restart() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", LEFT_OUT)
            async with world.operator():
                before = world.condition("app", "Warnings")
            writes = world.api.count("patch", "patch_status", "apply", "create_event")
            assert writes
            async with world.operator():
                await world.skip(24 * HOUR, step=HOUR)
                assert world.api.count("patch", "patch_status", "apply", "create_event") == writes
                assert world.condition("app", "Warnings") == before

    play(story)


def test_the_time_of_the_transition_stays_while_the_words_change() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", LEFT_OUT)
            async with world.operator():
                before = world.condition("app", "Warnings")
                await world.skip(HOUR)
                world.api.put_environment("app", definition(values={"environmentVariables": {"LIST": [], "OK": "1"}}))
                await world.settle()
                after = world.condition("app", "Warnings")
                assert '"LIST"' in after["message"]
                assert after["lastTransitionTime"] == before["lastTransitionTime"]

    play(story)


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("import", ["base"], 'did you mean "imports"?'),
        ("Import", ["base"], 'did you mean "imports"?'),
        ("value", {"a": "b"}, 'did you mean "values"?'),
        ("environmentVariables", {"A": "1"}, 'move it below "values", as values.environmentVariables'),
        ("environmentvariables", {"A": "1"}, 'move it below "values", as values.environmentVariables'),
        ("files", {"A": "1"}, 'move it below "values", as values.files'),
        ("odd", 1, 'remove it, or move it below "values"'),
    ],
)
def test_an_unknown_field_is_told_with_what_to_write(field: str, value: Any, advice: str) -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            values = {"environmentVariables": {"B": "2"}}
            world.api.put_environment("app", definition(**{field: value, "values": values}))
            async with world.operator():
                assert world.told("app") == WELL
                reason, message = warned(world, "app")
                assert reason == "UnknownField"
                assert message.startswith(f"spec.environment.{field}: ")
                assert message.endswith(f"it is ignored: {advice}")

    play(story)


def test_the_worst_warning_is_the_reason_and_all_of_them_are_told() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            variables = {"my-var": "1", "LIST": []}
            world.api.put_environment("app", definition(values={"environmentVariables": variables}, odd=1))
            async with world.operator():
                reason, message = warned(world, "app")
                assert reason == "UnknownField"
                assert message.startswith("3 warnings: (1) spec.environment.odd: ")
                assert '; (2) spec.environment.values.environmentVariables: "LIST" (a list) is left out' in message
                assert '; (3) spec.environment.values.environmentVariables: no shell can read "my-var"' in message

    play(story)


def test_warnings_of_a_definition_with_an_error_are_told_as_well() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            broken = {"values": {"environmentVariables": {"A": "${colour}"}}, "import": ["base"]}
            world.api.put_environment("app", definition(**broken))
            async with world.operator():
                assert world.told("app")[:2] == ("False", "UnknownProperty")
                assert 'did you mean "imports"?' in warned(world, "app")[1]

    play(story)


def test_a_warning_in_an_import_reaches_the_importer_until_it_is_gone() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            base = {"values": {"environmentVariables": {"A": "1"}}}
            world.api.put_environment("base", definition(**base, odd=1))
            world.api.put_environment("app", definition(imports=["base"]))
            async with world.operator():
                reason, message = warned(world, "app")
                assert (reason, world.told("app")) == ("UnknownField", WELL)
                assert message.startswith('EscEnvironment "apps/base": spec.environment.odd: ')
                world.api.put_environment("base", definition(**base))
                await world.settle()
                assert warned(world, "app") == ("", "")

    play(story)


def test_of_a_warning_behind_an_import_only_its_kind_is_told() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            hidden = definition(values={"environmentVariables": {"A": "1"}}, secretive=1)
            world.api.put_environment("closed", hidden, "other")
            shared = {**definition(imports=["closed"]), "sharing": {"namespaces": ["apps"]}}
            world.api.put_environment("open", shared, "other")
            world.api.put_environment("app", definition(imports=["other/open"]))
            async with world.operator():
                reason, message = warned(world, "app")
                assert reason == "UnknownField"
                assert message == (
                    'EscEnvironment "other/open": an environment that it imports has a warning (UnknownField); ask '
                    "its owner, who sees the cause in its status"
                )

    play(story)


def test_no_value_stands_in_any_warning() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            secret = {"fn::secret": "hunter2"}
            values = {
                "environmentVariables": {"O": {"p": secret}, "L": [secret], "my-var": secret},
                "Files": {"p": "x1y2"},
            }
            world.api.put_environment("app", definition(values=values, odd="hunter2"))
            async with world.operator():
                _, message = warned(world, "app")
                assert message.startswith("4 warnings")
                assert "hunter2" not in str(world.status("app"))
                assert "x1y2" not in str(world.status("app"))

    play(story)


def manifest(**fields: Any) -> dict[str, str]:
    """The annotation that `kubectl apply` leaves."""
    return {LAST_APPLIED: json.dumps({"spec": {"environment": fields}}, separators=(",", ":"))}


@pytest.mark.parametrize("namespace", ["apps", ""])
def test_a_null_that_kubectl_apply_took_away_is_told_and_goes_with_its_cause(namespace: str) -> None:
    async def story(world: Teams) -> None:
        with real_opening(world):
            values = {"environmentVariables": {"A": "1"}}
            annotations = manifest(values={"environmentVariables": {"A": "1", "DB_URL": None}})
            world.api.put_environment("app", definition(values=values), namespace, annotations=annotations)
            async with world.operator():
                condition = found(world, "app", namespace)
                assert condition["reason"] == "NullLost"
                assert condition["message"] == (
                    "spec.environment.values.environmentVariables.DB_URL: `kubectl apply` took the null out of the "
                    "object, so an import's value stays there, or the key is missing: write the definition as a text "
                    "(spec.definition), or use `kubectl apply --server-side`"
                )
                world.api.annotate_environment("app", namespace, annotations=manifest(values=values))
                await world.settle()
                assert found(world, "app", namespace) == {}

    play(story, Teams(1))


def found(world: World, name: str, namespace: str) -> dict[str, Any]:
    status = world.api.environment(name, namespace)["status"]
    return next((one for one in status["conditions"] if one["type"] == "Warnings"), {})


def test_a_null_alone_is_noticed_though_the_object_stays_the_same_and_mints_nothing() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", login())
        async with world.operator():
            before = world.condition("app")
            world.api.annotate_environment("app", annotations=manifest(login=3600, d=None, e=None))
            await world.settle()
            reason, message = warned(world, "app")
            assert reason == "NullLost"
            assert message.startswith("spec.environment.d, spec.environment.e: `kubectl apply` took these nulls out")
            assert (world.cloud.mints["app"], world.condition("app")) == (1, before)
            writes = world.api.count("patch_status", "apply")
            await world.skip(HOUR / 4)
            assert world.api.count("patch_status", "apply") == writes

    play(story)


def test_a_refresh_with_a_warning_writes_what_one_without_does() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", login(), annotations=manifest(login=3600, gone=None))
        async with world.operator():
            assert warned(world, "app")[0] == "NullLost"
            writes = world.api.count("apply"), world.api.count("patch_status")
            await world.skip(HOUR, step=HOUR / 60)
            renewals = world.cloud.mints["app"] - 1
            assert renewals >= 1
            assert (world.api.count("apply"), world.api.count("patch_status")) == tuple(n + renewals for n in writes)
            assert not world.api.events

    play(story)
