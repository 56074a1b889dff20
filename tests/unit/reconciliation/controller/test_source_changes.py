"""A definition in a ConfigMap or a Secret: its changes are followed, what is missing is waited for, no more is read."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from esc_operator.kube.paths import CONFIG_MAPS
from unit.reconciliation.opening.test_opening import real_opening
from unit.reconciliation.world import HOUR, MINUTE, WELL, World, play

KEY = "env.yaml"


def from_map(name: str = "defs", key: str = KEY, **more: Any) -> dict[str, Any]:
    return {"environmentFrom": {"configMapKeyRef": {"name": name, "key": key}}, **more}


def from_secret(name: str = "defs", key: str = KEY) -> dict[str, Any]:
    return {"environmentFrom": {"secretKeyRef": {"name": name, "key": key}}}


def text(*imports: str, **values: str) -> str:
    lines = [f"imports: [{', '.join(imports)}]", "values:", "  environmentVariables:"]
    return "\n".join((*lines, *(f"    {name}: {value}" for name, value in values.items()))) + "\n"


def encoded(definition: str) -> dict[str, str]:
    import base64

    return {KEY: base64.b64encode(definition.encode()).decode()}


def reads(world: World, plural: str = CONFIG_MAPS.plural) -> int:
    return sum(call.verb == "read" and call.plural == plural for call in world.api.calls)


def test_a_change_of_a_config_map_is_followed_and_nothing_else_of_it_is() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.put_environment("app", from_map())
            async with world.operator():
                assert world.told("app") == WELL
                assert world.values("app") == {"A": "on"}
                world.api.put_config_map("defs", {KEY: text(A="off")})
                await world.settle()
                assert world.values("app") == {"A": "off"}
                before, version = reads(world), world.api.secret("app")
                world.api.label_config_map("defs", team="blue")
                world.api.put_config_map("other", {KEY: text(A="no")})
                await world.settle()
                assert world.api.secret("app") == version
                assert reads(world) == before + 1  # to see that the text is the same

    play(story)


def test_a_change_of_a_secret_is_followed() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_secret("defs", encoded(text(A="on")))
            world.api.put_environment("app", from_secret())
            async with world.operator():
                assert world.values("app") == {"A": "on"}
                world.api.put_secret("defs", encoded(text(A="off")))
                await world.settle()
                assert world.told("app") == WELL
                assert world.values("app") == {"A": "off"}

    play(story)


def test_what_is_missing_is_told_and_waited_for() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", from_map())
            async with world.operator():
                assert world.told("app") == ("False", "DefinitionNotFound", "False", "DefinitionNotFound")
                assert world.condition("app")["message"] == (
                    "spec.environmentFrom.configMapKeyRef: ConfigMap apps/defs does not exist: create it, or correct "
                    "the name"
                )
                world.api.put_config_map("defs", {"other": text(A="on")})
                await world.settle()
                assert "has no key env.yaml: it has other" in world.condition("app")["message"]
                world.api.put_config_map("defs", {KEY: text(A="on")})
                await world.settle()
                assert world.told("app") == WELL
                world.api.delete_config_map("defs")
                await world.settle()
                assert world.told("app") == ("True", "Synced", "False", "DefinitionNotFound")
                assert world.values("app") == {"A": "on"}
                world.api.put_config_map("defs", {KEY: text(A="off")})
                await world.skip(MINUTE)  # it has changed repeatedly
                assert world.told("app") == WELL
                assert world.values("app") == {"A": "off"}

    play(story)


def test_what_is_missing_is_not_looked_for_again_and_again() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("app", from_map())
            world.api.put_environment(
                "importer", {"definition": "imports: [app]\nvalues: {environmentVariables: {B: 1}}\n"}
            )
            async with world.operator():
                assert world.told("app")[1] == world.told("importer")[1] == "DefinitionNotFound"
                before = len(world.api.calls)
                await world.skip(2 * HOUR, step=MINUTE)
                assert world.api.calls[before:] == []
                world.api.put_config_map("defs", {KEY: text(A="on")})
                await world.settle()
                assert world.told("app") == world.told("importer") == WELL

    play(story)


def test_a_mistake_in_it_is_told_with_its_place_and_corrected_at_once() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="${b}")})
            world.api.put_environment("app", from_map())
            async with world.operator():
                assert world.condition("app")["message"] == (
                    "ConfigMap apps/defs, key env.yaml: line 4, column 10: values.environmentVariables.A: unknown "
                    'property "b"; the properties are environmentVariables; the line is: A: ${b}'
                )
                world.api.put_config_map("defs", {KEY: text(A="fine")})
                await world.settle()
                assert world.told("app") == WELL

    play(story)


@pytest.mark.parametrize(
    "held",
    [
        "hunter2",
        "*hunter2",
        "hunter2: hunter2",
        "user: ${hunter2}",
        "values:\n  hunter2: ${hunter2}\n",
        "values: {environmentVariables: {A: {fn::hunter2: hunter2}}}\n",
        "values: {A: {fn::open::hunter2: {}}}\n",
        "{hunter2: [",
        "values: [hunter2]\n",
        "values:\n\thunter2: 1\n",
        "hunter2: !hunter2 hunter2",
        "values: {environmentVariables: {A: [hunter2], 'hunter2=': 1}}\n",
    ],
)
def test_of_a_secret_that_is_named_as_a_definition_nothing_is_told(held: str) -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_secret("theirs", encoded(held))
            world.api.put_environment("app", from_secret("theirs"))
            world.api.put_environment("importer", {"definition": "imports: [app]\nvalues: {}\n"})
            async with world.operator():
                for name in ("app", "importer"):
                    told = f"{world.api.environment(name)['status']} {world.api.events}"
                    assert "hunter2" not in told
                    assert held not in told

    play(story)


def test_a_mistake_in_a_secret_is_told_by_its_place_alone() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_secret("defs", encoded(text(A="${b}")))
            world.api.put_environment("app", from_secret())
            async with world.operator():
                assert world.told("app") == ("False", "UnknownProperty", "False", "UnknownProperty")
                assert world.condition("app")["message"] == (
                    "Secret apps/defs, key env.yaml: line 4, column 10: UnknownProperty; details are left out because "
                    "a Secret holds the text: see `esc open apps/app`"
                )

    play(story)


def test_importers_see_no_difference_and_follow_changes() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.put_environment("base", from_map())
            world.api.put_environment("middle", {"definition": "imports: [base]\nvalues: {}\n"})
            world.api.put_environment("app", {"definition": "imports: [middle]\nvalues: {}\n"})
            async with world.operator():
                assert world.values("app") == {"A": "on"}
                world.api.put_config_map("defs", {KEY: text(A="off")})
                await world.settle()
                assert world.values("base") == world.values("middle") == world.values("app") == {"A": "off"}
                world.api.delete_config_map("defs")
                await world.settle()
                assert world.told("app") == ("True", "Synced", "False", "DefinitionNotFound")
                assert (
                    world.condition("app", "Refreshed")["message"].startswith(
                        'EscEnvironment "apps/middle": imports[0]: EscEnvironment "apps/base" cannot be imported: '
                    )
                    or 'EscEnvironment "apps/base"' in world.condition("app", "Refreshed")["message"]
                )
                world.api.put_config_map("defs", {KEY: text(A="back")})
                await world.settle()
                assert world.values("app") == {"A": "back"}

    play(story)


def test_an_importer_elsewhere_does_not_learn_which_object_is_missing() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_environment("base", {**from_map("their-map"), "sharing": {"namespaces": ["apps"]}}, "other")
            world.api.put_environment("app", {"definition": "imports: [other/base]\nvalues: {}\n"})
            async with world.operator():
                assert world.told("app")[1] == "DefinitionNotFound"
                assert "their-map" not in str(world.api.environment("app")["status"])
                world.api.put_config_map("their-map", {KEY: text(A="on")}, "other")
                await world.settle()
                assert world.values("app") == {"A": "on"}

    play(story)


def test_a_restart_reads_it_once_and_writes_nothing() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.put_environment("app", from_map())
            world.api.put_environment("importer", {"definition": "imports: [app]\nvalues: {}\n"})
            async with world.operator():
                assert world.values("importer") == {"A": "on"}
            before = world.api.count("apply", "patch_status"), reads(world)
            async with world.operator():
                assert (world.api.count("apply", "patch_status"), reads(world)) == (before[0], before[1] + 1)

    play(story)


def test_a_change_while_no_operator_runs_is_found_at_the_start() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.put_environment("app", from_map())
            world.api.put_environment("importer", {"definition": "imports: [app]\nvalues: {}\n"})
            async with world.operator():
                pass
            world.api.put_config_map("defs", {KEY: text(A="off")})
            async with world.operator():
                assert world.values("app") == world.values("importer") == {"A": "off"}

    play(story)


def test_an_object_that_may_not_be_read_is_told() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.refusals["read", CONFIG_MAPS.plural] = ForbiddenError(
                "could not read configmaps apps/defs: forbidden"
            )
            world.api.put_environment("app", from_map())
            async with world.operator():
                assert world.condition("app")["message"] == (
                    "the definition could not be read: could not read configmaps apps/defs: forbidden"
                )
                world.api.refusals.clear()
                await world.skip(2 * MINUTE)
                assert world.told("app") == WELL

    play(story)


def test_an_api_server_that_does_not_answer_leaves_the_secret() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.put_environment("app", from_map())
            async with world.operator():
                world.api.refusals["read", CONFIG_MAPS.plural] = UnavailableError("could not read configmaps: timeout")
                world.api.put_config_map("defs", {KEY: text(A="off")})
                await world.settle()
                assert world.values("app") == {"A": "on"}
                world.api.refusals.clear()
                await world.skip(2 * MINUTE)
                assert world.values("app") == {"A": "off"}

    play(story)


def test_a_cluster_environment_reads_from_the_operators_namespace() -> None:
    async def story(world: World) -> None:
        world.home = "esc-system"
        world.is_of_the_cluster = True
        with real_opening(world):
            world.api.put_namespace("apps")
            world.api.put_config_map("defs", {KEY: text(A="on")}, "esc-system")
            world.api.put_config_map("defs", {KEY: text(A="wrong")}, "apps")
            world.api.put_environment("wide", from_map(target={"namespaces": ["apps"]}), "")
            world.api.put_environment("app", {"definition": "imports: [ClusterEscEnvironment/wide]\nvalues: {}\n"})
            async with world.operator():
                assert world.values("wide") == {"A": "on"}
                assert world.values("app") == {"A": "on"}
                assert world.api.environment("wide", "")["status"]["definitionNamespace"] == "esc-system"
                world.api.put_config_map("defs", {KEY: text(A="off")}, "esc-system")
                await world.settle()
                assert world.values("wide") == world.values("app") == {"A": "off"}

    play(story)


def test_a_cluster_environment_of_an_operator_without_a_namespace_is_told() -> None:
    async def story(world: World) -> None:
        world.is_of_the_cluster = True
        with real_opening(world):
            world.api.put_namespace("apps")
            world.api.put_environment("wide", from_map(target={"namespaces": ["apps"]}), "")
            async with world.operator():
                told = world.api.environment("wide", "")["status"]["conditions"][0]
                assert told["reason"] == "InvalidSpec"
                assert "in the operator's own namespace, and this operator has none" in told["message"]

    play(story)


def test_one_that_is_deleted_or_refers_to_nothing_more_is_followed_no_more() -> None:
    async def story(world: World) -> None:
        with real_opening(world):
            world.api.put_config_map("defs", {KEY: text(A="on")})
            world.api.put_environment("app", from_map())
            async with world.operator() as reconciler:
                informer = reconciler._source_changes._definitions.informer
                assert informer._wanted
                world.api.put_environment("app", {"definition": text(A="own")})
                await world.settle()
                assert world.values("app") == {"A": "own"}
                assert not informer._wanted
                world.api.put_environment("app", from_map())
                await world.settle()
                assert world.values("app") == {"A": "on"}
                world.api.delete_environment("app")
                await world.settle()
                assert not informer._wanted

    play(story)
