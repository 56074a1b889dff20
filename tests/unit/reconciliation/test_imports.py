"""Changes of an environment reach those that import it, whichever way the operator learns of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import SYNC_RECORD
from esc_operator.resources.environment import Key
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, play, static

if TYPE_CHECKING:
    from esc_operator.resources.environment import EscEnvironment


def test_a_change_of_an_import_reaches_its_importers() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"))
        world.api.put_environment("app", static("base"))
        async with world.operator():
            assert world.values("app") == {"COLOUR": "blue"}
            world.api.put_environment("base", static(COLOUR="green"))
            await world.settle()

        assert world.values("app") == {"COLOUR": "green"}
        uid = world.api.environment("base")["metadata"]["uid"]
        assert world.status("app")["imports"] == [{"name": "base", "generation": 2, "uid": uid}]
        assert world.cloud.opened["app"] == 2

    play(story)


def test_a_label_of_an_import_does_not() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"))
        world.api.put_environment("app", static("base"))
        async with world.operator():
            world.api.annotate_environment("base", labels={"a": "b"})
            await world.settle()

        assert world.cloud.opened["app"] == 1

    play(story)


def test_a_missing_import_is_reported_and_its_appearance_is_noticed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static("base"))
        async with world.operator():
            before = len(world.api.calls)
            await world.skip(HOUR, step=MINUTE)
            assert world.api.calls[before:] == []
            assert world.told("app") == ("False", "ImportNotFound", "False", "ImportNotFound")
            assert world.cloud.opened["app"] == 1
            world.api.put_environment("base", static(COLOUR="blue"))
            await world.settle()

        assert world.told("app") == WELL
        assert world.values("app") == {"COLOUR": "blue"}

    play(story)


def test_a_missing_import_that_appears_while_the_operator_is_down_is_noticed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static("base"))
        async with world.operator():
            pass
        world.api.put_environment("base", static(COLOUR="blue"))
        async with world.operator():
            assert world.told("app") == WELL

    play(story)


def test_a_change_of_an_import_while_the_operator_is_down_is_noticed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static("base"))
        world.api.put_environment("base", static(COLOUR="blue"))
        async with world.operator():
            pass
        world.api.put_environment("base", static(COLOUR="green"))
        async with world.operator():
            assert world.values("app") == {"COLOUR": "green"}

    play(story)


def replace(world: World, name: str, namespace: str = "apps", **values: str) -> None:
    """Delete it and create another one, as kubectl replace --force does: its generation is 1 again."""
    world.api.delete_environment(name, namespace)
    world.api.put_environment(name, static(**values), namespace)
    assert world.api.environment(name, namespace)["metadata"]["generation"] == 1


@pytest.mark.parametrize("namespace", ["apps", ""])
def test_an_import_that_was_created_anew_while_the_operator_is_down_is_noticed(namespace: str) -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static("base"))
        world.api.put_environment("base", static(COLOUR="blue"), namespace)
        async with world.operator():
            pass
        replace(world, "base", namespace, COLOUR="green")
        async with world.operator():
            assert world.values("app") == {"COLOUR": "green"}
        opened = world.cloud.opened["app"]
        async with world.operator():
            assert world.cloud.opened["app"] == opened

    play(story)


def test_an_import_that_is_created_anew_in_a_moment_is_noticed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static("base"))
        world.api.put_environment("base", static(COLOUR="blue"))
        async with world.operator():
            replace(world, "base", COLOUR="green")
            await world.settle()
            assert world.values("app") == {"COLOUR": "green"}

    play(story)


def test_after_a_mistake_too_an_import_that_was_created_anew_is_noticed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static("base", "missing"))
        world.api.put_environment("base", static(COLOUR="blue"))
        async with world.operator():
            assert world.told("app")[1] == "ImportNotFound"
        world.cloud.refusals["app"] = Refused("ValueInvalid", "blue is no colour", retryable=False)
        replace(world, "base", COLOUR="green")
        opened = world.cloud.opened["app"]
        async with world.operator():
            assert world.cloud.opened["app"] == opened + 1

    play(story)


def forget_objects(world: World, name: str) -> None:
    """As an operator left it that did not note which object an import was."""
    annotations = world.api.objects["secrets", Key("apps", name)]["metadata"]["annotations"]
    record = json.loads(annotations[SYNC_RECORD])
    assert record.pop("importUids")
    annotations[SYNC_RECORD] = json.dumps(record, separators=(",", ":"))
    for used in world.api.objects["escenvironments", Key("apps", name)]["status"]["imports"]:
        del used["uid"]


def test_a_record_that_tells_of_no_objects_costs_nothing_until_the_next_renewal_writes_another_one() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", {"environment": {"imports": ["base"], "login": 3600}})
        world.api.put_environment("base", static(COLOUR="blue"))
        async with world.operator():
            pass
        forget_objects(world, "app")
        written, before = world.api.count("apply", "patch_status"), world.cloud.opened.copy()
        async with world.operator():
            await world.skip(10 * MINUTE)
            assert world.api.count("apply", "patch_status") == written
            assert world.cloud.opened == before
            world.api.put_environment("base", static(COLOUR="red"))
            await world.settle()
            assert world.values("app")["COLOUR"] == "red"  # type: ignore[index]
        world.api.delete_environment("base")
        world.api.put_environment("base", static(COLOUR="red"))
        world.api.put_environment("base", static(COLOUR="green"))
        async with world.operator():
            assert world.values("app")["COLOUR"] == "green"  # type: ignore[index]

    play(story)


def test_an_import_that_is_deleted_fails_its_importers_and_keeps_their_secrets_until_it_is_back() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"))
        world.api.put_environment("app", static("base"))
        async with world.operator():
            world.api.delete_environment("base")
            await world.settle()
            assert world.told("app") == ("True", "Synced", "False", "ImportNotFound")
            assert world.values("app") == {"COLOUR": "blue"}
            # Its generation is the one that was used before; its content need not be.
            world.api.put_environment("base", static(COLOUR="green"))
            await world.settle()

        assert world.told("app") == WELL
        assert world.values("app") == {"COLOUR": "green"}

    play(story)


def test_a_change_that_a_read_finds_before_the_watch_brings_it_reaches_the_importers() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"))
        world.api.put_environment("app", static("base"))
        async with world.operator():
            world.watch_is_late = True
            world.api.put_environment("base", static(COLOUR="green"))
            world.api.delete_secret("base")  # any occasion to look at it
            await world.settle()
            world.catch_up()
            await world.settle()

        assert world.values("app") == {"COLOUR": "green"}
        assert world.cloud.opened == {"base": 2, "app": 2}

    play(story)


def test_a_change_of_an_import_during_the_first_sync_is_not_lost() -> None:
    async def story(world: World) -> None:
        def change(environment: EscEnvironment) -> None:
            if environment.key.name == "app":
                world.cloud.during = lambda _: None
                world.api.put_environment("base", static(COLOUR="green"))

        world.api.put_environment("base", static(COLOUR="blue"))
        async with world.operator():
            world.cloud.during = change
            world.api.put_environment("app", static("base"))
            await world.settle()
            await world.skip(2 * SECOND, step=SECOND)

        assert world.values("app") == {"COLOUR": "green"}

    play(story)


def test_an_import_that_is_read_ahead_of_the_watch_is_not_used_twice() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"))
        world.api.put_environment("app", static("base"))
        async with world.operator():
            world.watch_is_late = True
            world.api.put_environment("base", static(COLOUR="green"))
            world.api.delete_secret("app")
            await world.settle()
            assert world.values("app") == {"COLOUR": "green"}
            opened = world.cloud.opened["app"]
            world.api.put_secret("app", {}, labels={"any": "occasion"})
            await world.settle()
            world.catch_up()
            await world.settle()

        assert world.cloud.opened["app"] == opened
        assert world.values("base") == {"COLOUR": "green"}

    play(story)


def test_an_event_that_a_read_has_overtaken_does_not_bring_the_past_back() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("app", static(COLOUR="blue"))
        async with world.operator():
            world.watch_is_late = True
            world.api.put_environment("app", static(COLOUR="red"))
            world.api.put_environment("app", static(COLOUR="green"))
            world.api.delete_secret("app")
            await world.settle()
            opened = world.cloud.opened["app"]
            seen = set()
            world.api.before_call = lambda _: seen.add(str(world.values("app")))
            world.catch_up()
            await world.settle()

        assert world.values("app") == {"COLOUR": "green"}
        assert world.cloud.opened["app"] == opened
        assert seen <= {"{'COLOUR': 'green'}"}

    play(story)


def test_importers_are_known_from_the_secret_where_the_status_was_lost() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"))
        world.api.put_environment("app", static("base"))
        world.api.before_call = lambda call: setattr(
            world.api, "unavailable", world.api.unavailable or (call.verb, call.name) == ("patch_status", "app")
        )
        async with world.operator():
            pass
        world.api.before_call, world.api.unavailable = (lambda _: None), False
        async with world.operator() as reconciler:
            world.api.put_environment("base", static(COLOUR="green"))
            await world.settle()
            assert reconciler.cache.outdated_importers(Key("apps", "base")) == ()

        assert world.values("app") == {"COLOUR": "green"}

    play(story)


def test_imports_of_each_other_come_to_rest() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("one", static("two", A="1"))
        world.api.put_environment("two", static("one", B="2"))
        async with world.operator():
            world.api.put_environment("one", static("two", A="3"))
            await world.settle()
            await world.skip(MINUTE, step=SECOND)

        assert world.cloud.opened["one"] <= 4
        assert world.cloud.opened["two"] <= 4

    play(story)
