"""What an import imports is for its importer to have, and for nobody else to see: values, names, changes, reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.resources.environment import parse_environment
from esc_operator.resources.imported import BEHIND, Imported, as_one
from esc_operator.resources.status import parse_status
from unit.reconciliation.opening.test_opening import exporting, real_opening, shared
from unit.reconciliation.world import MINUTE, SECOND, WELL, World, play, static

if TYPE_CHECKING:
    from collections.abc import Mapping


def closed(value: str = "hunter2") -> dict[str, Any]:
    return {"environment": {"values": {"password": {"fn::secret": value}}}}


def sharer(*imports: Any, namespaces: tuple[str, ...] = ("apps",), **values: str) -> dict[str, Any]:
    definition = {"imports": list(imports), "values": {"environmentVariables": values}}
    return {"environment": definition, "sharing": {"namespaces": list(namespaces)}}


QUIET = {"closed": {"merge": False}}
GIVEN = "${imports.closed.password}-made"
THEFT = {"STOLEN": "${environments.blue.closed.password}"}


@pytest.mark.parametrize("theft", [exporting("blue/shared", **THEFT), exporting("blue/shared", "blue/closed")])
def test_what_a_shared_environment_imports_is_refused_as_what_is_not_there(theft: dict[str, Any]) -> None:
    told: list[Any] = []

    async def story(world: World) -> None:
        world.api.put_environment("shared", sharer(QUIET, GIVEN=GIVEN), "blue")
        world.api.put_environment("closed", closed(), "blue")
        world.api.put_environment("app", theft)
        world.api.put_environment("honest", exporting("blue/shared"))
        with real_opening(world):
            async with world.operator():
                assert world.values("honest") == {"GIVEN": "hunter2-made"}
                told.append((world.told("app"), world.condition("app")["message"], world.status("app")["imports"]))
                world.api.put_environment("shared", sharer(GIVEN="hunter2-made"), "blue")
                world.api.delete_environment("closed", "blue")
                await world.settle()
                world.api.put_environment("app", theft)
                await world.settle()
                told.append((world.told("app"), world.condition("app")["message"], world.status("app")["imports"]))

    play(story)
    (before, message, imports), (after, later, _) = told
    assert (before, message) == (after, later)
    assert before[1] == "ImportNotAllowed"
    assert 'EscEnvironment "blue/closed" cannot be imported from namespace "apps"' in message
    assert {"name": "blue/closed", "generation": 0} in imports
    assert "hunter2" not in message


@pytest.mark.parametrize("absent", [True, False])
def test_what_is_there_and_what_is_not_cost_the_same_reads_in_the_same_order(absent: bool) -> None:
    reads: list[str] = []

    async def story(world: World) -> None:
        world.api.put_environment("shared", sharer(QUIET, GIVEN=GIVEN), "blue")
        world.api.put_environment("closed", closed(), "blue")
        wanted = "gone" if absent else "closed"
        world.api.put_environment("app", exporting("blue/shared", f"blue/{wanted}"))
        with real_opening(world):
            assert world.opening is not None
            await world.opening.look(parse_environment(world.api.environment("app")))
        reads.extend(call.name for call in world.api.calls)

    play(story)
    assert [name.replace("gone", "closed") for name in reads] == ["shared", "closed", "closed"]


def everything_that_may_be_read(world: World) -> str:
    secret = world.api.secret("app") or {}
    return json.dumps([world.status("app"), secret.get("metadata"), world.api.events])


def test_neither_status_nor_record_nor_event_names_what_an_import_imports() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("inner", static(COLOUR="blue"), "other")
        world.api.put_environment("base", shared("apps", imports=("inner",)), "other")
        world.api.put_environment("app", static("other/base"))
        async with world.operator():
            assert world.told("app") == WELL
            uid = world.api.environment("inner", "other")["metadata"]["uid"]
            before = world.status("app")["indirectImports"]
            assert "inner" not in everything_that_may_be_read(world)
            assert uid not in everything_that_may_be_read(world)
            world.api.put_environment("inner", static(COLOUR="green"), "other")
            await world.settle()
            assert world.values("app") == {"COLOUR": "green"}
            assert world.status("app")["indirectImports"] != before
            world.api.delete_environment("inner", "other")
            await world.settle()
            assert world.condition("app", "Refreshed")["status"] == "False"

    play(story)


def test_after_a_start_what_an_import_imports_is_known_again_and_nothing_is_opened_for_it() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("inner", static(COLOUR="blue"), "other")
        world.api.put_environment("base", shared("apps", imports=("inner",)), "other")
        world.api.put_environment("app", static("other/base"))
        async with world.operator():
            assert world.told("app") == WELL
        async with world.operator():
            assert world.cloud.opened["app"] == 1
            world.api.put_environment("inner", static(COLOUR="green"), "other")
            await world.settle()
            assert world.values("app") == {"COLOUR": "green"}
        world.api.put_environment("inner", static(COLOUR="red"), "other")
        async with world.operator():
            assert world.values("app") == {"COLOUR": "red"}
            opened = world.cloud.opened["app"]
            await world.skip(MINUTE, step=SECOND)
            assert world.cloud.opened["app"] == opened
        world.api.delete_environment("inner", "other")
        world.api.put_environment("inner", static(COLOUR="anew"), "other")
        async with world.operator():
            assert world.values("app") == {"COLOUR": "anew"}

    play(story)


def test_an_error_behind_an_import_is_reported_in_full_to_its_author_alone() -> None:
    async def story(world: World) -> None:
        broken = {"environment": {"values": {"a": "${nope}"}}, "sharing": {"namespaces": ["blue"]}}
        world.api.put_environment("broken", broken, "green")
        world.api.put_environment("shared", sharer("green/broken", A="1"), "blue")
        world.api.put_environment("missing", sharer("green/secret-name", A="1"), "blue")
        world.api.put_environment("app", exporting("blue/shared"))
        world.api.put_environment("twin", exporting("blue/missing"))
        with real_opening(world):
            async with world.operator():
                messages = {name: world.condition(name) for name in ("app", "twin")}
                exact = json.dumps(world.api.environment("missing", "blue")["status"])
        assert messages["app"]["reason"] == "UnknownProperty"
        hint = "ask its owner, who sees the cause in its status"
        assert messages["app"]["message"] == (
            f'EscEnvironment "blue/shared": an environment that it imports has an error (UnknownProperty); {hint}'
        )
        assert messages["twin"]["reason"] == "ImportFailed"
        assert messages["twin"]["message"] == (
            f'EscEnvironment "blue/missing": an environment that it imports cannot be loaded; {hint}'
        )
        assert "green/secret-name" in exact
        assert "ImportNotAllowed" in exact
        assert "green" not in json.dumps([world.status("app"), world.status("twin")])

    play(story)


def test_who_is_not_trusted_is_named_however_deep_and_the_environment_is_not() -> None:
    async def story(world: World) -> None:
        login = {"values": {"a": {"fn::open::aws-login": {"static": {"accessKeyId": "a", "secretAccessKey": "b"}}}}}
        world.api.put_environment("lib", {"environment": login, "sharing": {"namespaces": ["blue"]}}, "green")
        world.api.put_environment("shared", sharer("green/lib", A="1"), "blue")
        world.api.put_environment("app", exporting("blue/shared", B="2"))
        with real_opening(world):
            async with world.operator():
                told = world.condition("app")
                assert told["reason"] == "ImportNotTrusted"
                assert 'add "green" to its spec.trustedNamespaces' in told["message"]
                assert "lib" not in told["message"]
                opened = len(world.api.calls)
                await world.skip(10 * MINUTE, step=MINUTE)
                assert not [call for call in world.api.calls[opened:] if call.name == "shared"], "only a change helps"
                world.api.put_environment("app", {**exporting("blue/shared", B="2"), "trustedNamespaces": ["green"]})
                await world.settle()
                assert world.values("app") == {"A": "1", "B": "2"}

    play(story)


def test_all_behind_are_one_that_changes_with_each_and_survives_a_status() -> None:
    one: Mapping[str, Imported] = {"blue/closed": Imported(1, "uid")}
    digests = {as_one(one), as_one({"blue/closed": Imported(2, "uid")}), as_one({"blue/closed": Imported(1, "other")})}
    assert len(digests | {as_one({"blue/other": Imported(1, "uid")})}) == 4
    stored = {"imports": [{"name": "a", "generation": 1, "uid": "u"}], "indirectImports": as_one(one).uid}
    status = parse_status(stored)
    assert status.imports == {"a": Imported(1, "u"), BEHIND: as_one(one)}
    assert {name: status.to_dict()[name] for name in stored} == stored


def test_what_one_place_is_refused_is_noted_apart_from_what_another_one_has_used() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("shared", sharer(QUIET, GIVEN=GIVEN), "blue")
        world.api.put_environment("closed", closed(), "blue")
        store = ImportStore(world.api, "apps")
        await store.load("blue/shared", "apps/app")
        await store.load("closed", "blue/shared")
        await store.load("blue/closed", "apps/app")
        imports = store.imports
        assert imports.own.used["blue/closed"] == Imported(0)
        assert imports.own.refused == {"blue/closed": frozenset({"apps"})}
        assert imports.behind.used["blue/closed"].generation == 1
        assert imports.behind.refused == {}

    play(story)
