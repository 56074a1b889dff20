"""Imports from elsewhere: what is shared follows its source, and of what is not shared nothing can be told."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.kube.identity_tokens import IdentityTokens
from esc_operator.kube.namespaces import Namespaces
from esc_operator.reconciliation.opening.account_objects import AccountObjects
from esc_operator.reconciliation.opening.definitions import Definitions
from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.reconciliation.opening.opening import EnvironmentOpening
from esc_operator.reconciliation.opening.rotator_secrets import RotatorSecrets
from esc_operator.resources.environment import Key
from esc_operator.resources.imported import NOT_THERE
from unit.reconciliation.world import MINUTE, SECOND, WELL, World, play, static

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HIDDEN = ["other/hidden", "ClusterEscEnvironment/hidden", "hidden"]


def shared(*namespaces: str, imports: tuple[str, ...] = (), **values: str) -> dict[str, Any]:
    return {**static(*imports, **values), "sharing": {"namespaces": list(namespaces)}}


def place_of(name: str) -> str:
    return "other" if name == "other/hidden" else ""


@contextmanager
def real_opening(world: World, namespaces: tuple[str, ...] = ()) -> Iterator[None]:
    """The world's environments are opened as the operator does it."""
    pool = BlockingPool()
    opener = Opener(pool=pool, logins=SharedLogins(world.now), settings={}, now=world.now)
    tokens, allowances = (
        IdentityTokens(world.api, world.now),
        Namespaces(world.api, namespaces),
    )
    definitions = Definitions(world.api, home=world.home)
    imports = partial(ImportStore, world.api, reach=namespaces, definitions=definitions)
    objects = AccountObjects(world.api, tokens)
    world.opening = EnvironmentOpening(imports, tokens, objects, opener, allowances, RotatorSecrets(world.api, ""))
    yield
    pool.close()


def exporting(*imports: str, **values: str) -> dict[str, Any]:
    return {"environment": {"imports": list(imports), "values": {"environmentVariables": values}}}


def test_what_is_shared_is_imported_and_followed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", shared("apps", COLOUR="blue"), "other")
        world.api.put_environment("app", static("other/base"))
        async with world.operator():
            assert world.told("app") == WELL
            uid = world.api.environment("base", "other")["metadata"]["uid"]
            assert world.status("app")["imports"] == [{"name": "other/base", "generation": 1, "uid": uid}]
            world.api.put_environment("base", shared("apps", COLOUR="green"), "other")
            await world.settle()
            assert world.values("app") == {"COLOUR": "green"}
            world.api.delete_environment("base", "other")
            await world.settle()
            assert world.told("app") == ("True", "Synced", "False", "ImportNotAllowed")
            assert world.values("app") == {"COLOUR": "green"}

    play(story)


def test_a_change_of_the_sharing_alone_is_followed_both_ways() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", shared(COLOUR="blue"), "other")
        world.api.put_environment("app", static("other/base"))
        async with world.operator():
            assert world.told("app") == ("False", "ImportNotAllowed", "False", "ImportNotAllowed")
            assert world.status("app")["imports"] == [{"name": "other/base", "generation": 0}]
            world.api.put_environment("base", shared("apps", COLOUR="blue"), "other")
            await world.settle()
            assert world.told("app") == WELL
            world.api.put_environment("base", shared("apps", "more", COLOUR="blue"), "other")
            await world.settle()
            assert world.told("app") == WELL
            world.api.put_environment("base", shared("more", COLOUR="blue"), "other")
            await world.settle()
            assert world.told("app") == ("True", "Synced", "False", "ImportNotAllowed")
            world.api.put_environment("base", shared("*", COLOUR="red"), "other")
            await world.settle()
            assert world.told("app") == WELL
            assert world.values("app") == {"COLOUR": "red"}

    play(story)


def test_a_bare_name_is_the_own_one_first_and_then_the_clusters() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="cluster"), "")
        world.api.put_environment("app", static("base"))
        async with world.operator():
            assert world.values("app") == {"COLOUR": "cluster"}
            uid = world.api.environment("base", "")["metadata"]["uid"]
            theirs = {"name": "ClusterEscEnvironment/base", "generation": 1, "uid": uid}
            both = [theirs, {"name": "base", "generation": 0}]
            assert world.status("app")["imports"] == both
            world.api.put_environment("base", static(COLOUR="more"), "")
            await world.settle()
            assert world.values("app") == {"COLOUR": "more"}
            world.api.put_environment("base", static(COLOUR="own"))
            await world.settle()
            assert world.values("app") == {"COLOUR": "own"}
            uid = world.api.environment("base")["metadata"]["uid"]
            assert world.status("app")["imports"] == [{"name": "base", "generation": 1, "uid": uid}]
            opened = world.cloud.opened["app"]
            world.api.put_environment("base", static(COLOUR="unseen"), "")
            await world.settle()
            assert world.cloud.opened["app"] == opened
            world.api.delete_environment("base")
            await world.settle()
            assert world.values("app") == {"COLOUR": "unseen"}
            world.api.delete_environment("base", "")
            await world.settle()
            assert world.told("app") == ("True", "Synced", "False", "ImportNotFound")

    play(story)


def test_what_an_import_imports_is_looked_for_in_its_own_place_and_followed() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("inner", static(COLOUR="wrong"))
        world.api.put_environment("inner", static(COLOUR="right"), "other")
        world.api.put_environment("base", shared("apps", imports=("inner",)), "other")
        world.api.put_environment("app", static("other/base"))
        async with world.operator():
            assert world.values("app") == {"COLOUR": "right"}
            assert [one["name"] for one in world.status("app")["imports"]] == ["other/base"]
            # Shared with nobody, but with its own namespace it need not be.
            world.api.put_environment("inner", static(COLOUR="new"), "other")
            await world.settle()
            assert world.values("app") == {"COLOUR": "new"}
            opened = world.cloud.opened["app"]
            await world.skip(MINUTE, step=SECOND)
            assert world.cloud.opened["app"] == opened
            world.api.delete_environment("inner", "other")
            await world.settle()
            assert world.condition("app", "Refreshed")["reason"] == "ImportNotFound"
            world.api.put_environment("inner", static(COLOUR="cluster"), "")
            await world.settle()
            assert world.values("app") == {"COLOUR": "cluster"}

    play(story)


def test_what_is_not_shared_with_an_import_is_noticed_once_it_is() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("deep", shared("apps", COLOUR="blue"), "third")
        world.api.put_environment("base", shared("apps", imports=("third/deep",)), "other")
        world.api.put_environment("app", static("other/base"))
        async with world.operator():
            # With the one that asked for it first, it is shared; with the one in between, it is not.
            assert world.told("app")[1] == "ImportNotAllowed"
            world.api.put_environment("deep", shared("other", COLOUR="blue"), "third")
            await world.settle()
            assert world.values("app") == {"COLOUR": "blue"}

    play(story)


def test_what_belongs_to_the_cluster_imports_its_like_whatever_that_shares_with_others() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("deep", shared("nobody", COLOUR="blue"), "")
        world.api.put_environment("base", static("deep"), "")
        world.api.put_environment("app", static("base"))
        world.api.put_environment("bold", static("deep"))
        async with world.operator():
            assert world.values("app") == {"COLOUR": "blue"}
            assert world.told("bold")[1] == "ImportNotFound"

    play(story)


def test_a_restart_knows_what_was_imported_from_elsewhere() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", static(COLOUR="blue"), "")
        world.api.put_environment("theirs", shared("apps", SHAPE="round"), "other")
        world.api.put_environment("app", static("base", "other/theirs"))
        async with world.operator():
            assert world.told("app") == WELL
        async with world.operator():
            assert world.cloud.opened["app"] == 1
            world.api.put_environment("base", static(COLOUR="green"), "")
            await world.settle()
        world.api.put_environment("theirs", shared(SHAPE="round"), "other")
        async with world.operator():
            assert world.told("app")[3] == "ImportNotAllowed"
        world.api.put_environment("theirs", shared("apps", SHAPE="square"), "other")
        async with world.operator():
            assert world.values("app") == {"COLOUR": "green", "SHAPE": "square"}

    play(story)


def nothing_there(_: World, __: str) -> None:
    """The same name, and nothing behind it."""


def hidden(world: World, place: str) -> None:
    world.api.put_environment("hidden", shared("elsewhere", COLOUR="1"), place)


def changed(world: World, place: str) -> None:
    world.api.put_environment("hidden", shared("elsewhere", "and-there", COLOUR="2"), place)


def gone(world: World, place: str) -> None:
    world.api.delete_environment("hidden", place)


LIFE = (hidden, changed, changed, gone, hidden, changed)


def as_the_importer_sees_it(name: str, steps: tuple[Callable[[World, str], None], ...]) -> list[Any]:
    """Everything that can be seen of an importer while what it imports lives so."""
    seen: list[Any] = []

    async def story(world: World) -> None:
        world.api.put_environment("app", exporting(name, COLOUR="own"))
        with real_opening(world):
            for restart in (False, True):
                async with world.operator() as reconciler:
                    for step in steps:
                        step(world, place_of(name))
                        await world.settle()
                        woken = [call for call in world.api.calls if call.name == "app"]
                        seen.append((restart, world.status("app"), len(woken), world.values("app")))
                        await world.skip(2 * MINUTE, step=7 * SECOND)
                        told = [event["message"] for event in world.api.events if "app" in event["metadata"]["name"]]
                        known = reconciler.cache.imported(Key("apps", "app"), [name])
                        seen.append((world.status("app"), told, set(known.values()) <= {NOT_THERE}))

    def named(world: World) -> None:
        create = world.api.create_event

        async def create_event(namespace: str, event: Any) -> None:
            await create(namespace, event | {"metadata": {"name": event["involvedObject"]["name"]}})

        world.api.create_event = create_event  # type: ignore[method-assign]

    world = World()
    named(world)
    play(story, world)
    return seen


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_that_happens_to_what_is_not_shared_makes_a_difference_to_who_would_import_it(name: str) -> None:
    absent = as_the_importer_sees_it(name, (nothing_there,) * len(LIFE))
    present = as_the_importer_sees_it(name, LIFE)
    assert present == absent
    reasons = {condition["reason"] for condition in present[0][1]["conditions"]}
    assert reasons == {"ImportNotFound" if name == "hidden" else "ImportNotAllowed"}
    imports = {one["name"]: one["generation"] for one in present[-1][0]["imports"]}
    assert set(imports.values()) == {0}


def test_an_operator_of_some_namespaces_looks_nowhere_else() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", shared("*", COLOUR="cluster"), "")
        world.api.put_environment("open", {**exporting(COLOUR="far"), "sharing": {"namespaces": ["apps"]}}, "far")
        world.api.put_environment("open", {**exporting(COLOUR="near"), "sharing": {"namespaces": ["apps"]}}, "near")
        world.api.put_environment("bare", exporting("base"))
        world.api.put_environment("beyond", exporting("far/open"))
        world.api.put_environment("within", exporting("near/open"))
        world.api.put_environment("wide", exporting("ClusterEscEnvironment/base"))
        with real_opening(world, ("apps", "near")):
            async with world.operator():
                assert world.values("within") == {"COLOUR": "near"}
                assert world.condition("bare")["message"].endswith('EscEnvironment "apps/base" does not exist')
                for name in ("beyond", "wide"):
                    assert world.told(name)[1] == "ImportNotAllowed"
                    assert "does not work on its namespace" in world.condition(name)["message"]
        assert not [call for call in world.api.calls if call.plural == "clusterescenvironments"]

    play(story)


def test_trouble_in_an_import_names_its_kind_and_its_place() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("base", {"environment": {"values": {"environmentVariables": {"A": "${nope}"}}}}, "")
        world.api.put_environment("app", exporting("base"))
        with real_opening(world):
            async with world.operator():
                message = world.condition("app")["message"]
        assert message.startswith('ClusterEscEnvironment "base": spec.environment.values.environmentVariables.A')

    play(story)
