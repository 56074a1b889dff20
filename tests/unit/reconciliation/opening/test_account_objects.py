"""What environments read of their namespace: as far as the ServiceAccount may, and each refusal says what to do."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from esc_operator.errors import NotFoundError
from unit.reconciliation.opening.test_opening import real_opening
from unit.reconciliation.world import MINUTE, WELL, World, play

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "system:serviceaccount:apps:default"


def coded(**values: str) -> dict[str, str]:
    return {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}


def reading(provider: str, **get: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {"read": {f"fn::open::{provider}": {"get": get}}}
    exports = {name.upper(): f"${{read.{name}}}" for name in get}
    return {"environment": {"values": {**values, "environmentVariables": exports}}}


def grant(world: World, plural: str, name: str) -> None:
    world.api.granted.add((ACCOUNT, plural, name))


DB = {"db": {"name": "db", "key": "password"}}


def test_the_service_accounts_right_is_what_counts() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("db", coded(password="from-the-secret"))
        world.api.put_environment("app", reading("kubernetes-secrets", **DB))
        with real_opening(world):
            async with world.operator():
                assert world.told("app")[:2] == ("False", "ObjectForbidden")
                assert world.condition("app")["message"].endswith(
                    "ServiceAccount apps/default may not get Secret apps/db: grant it get on secrets with "
                    "resourceNames [db], by a Role and a RoleBinding"
                )
                # It is not even looked whether there is one.
                assert ("read", "secrets", "db") not in world.api.calls
                grant(world, "secrets", "apps/db")
                await world.skip(10 * MINUTE)
                assert world.told("app") == WELL
                assert world.values("app") == {"DB": "from-the-secret"}

    play(story)


def test_the_right_to_one_kind_is_none_to_the_other() -> None:
    async def story(world: World) -> None:
        world.api.put_config_map("db", {"password": "1"})
        grant(world, "secrets", "apps/db")
        world.api.put_environment("app", reading("kubernetes-configmaps", **DB))
        with real_opening(world):
            async with world.operator():
                assert world.told("app")[:2] == ("False", "ObjectForbidden")

    play(story)


def test_nothing_is_read_for_a_service_account_that_does_not_exist() -> None:
    async def story(world: World) -> None:
        world.api.put_secret("db", coded(password="1"))
        grant(world, "secrets", "apps/db")  # a RoleBinding outlives its subject
        world.api.refusals["request_token", "serviceaccounts"] = NotFoundError("no ServiceAccount apps/default")
        world.api.put_environment("app", reading("kubernetes-secrets", **DB))
        with real_opening(world):
            async with world.operator():
                assert world.told("app")[0] == "False"
                assert "no ServiceAccount apps/default" in world.condition("app")["message"]
                assert ("read", "secrets", "db") not in world.api.calls

    play(story)


def test_values_are_read_again_each_interval_and_a_renewed_one_is_written() -> None:
    async def story(world: World) -> None:
        grant(world, "secrets", "apps/db")
        world.api.put_secret("db", coded(password="one"))
        world.api.put_environment("app", {**reading("kubernetes-secrets", **DB), "refresh": {"interval": "10m"}})
        with real_opening(world):
            async with world.operator():
                assert world.values("app") == {"DB": "one"}
                world.api.put_secret("db", coded(password="two"))
                await world.skip(11 * MINUTE)
                assert world.values("app") == {"DB": "two"}
                world.api.delete_secret("db")
                await world.skip(11 * MINUTE)
                assert world.told("app") == ("True", "Synced", "False", "ObjectNotFound")
                assert world.values("app") == {"DB": "two"}

    play(story)


def test_a_change_of_what_was_read_is_followed_and_nothing_else_of_it_is() -> None:
    async def story(world: World) -> None:
        for name in ("db", "other"):
            grant(world, "secrets", f"apps/{name}")
            world.api.put_secret(name, coded(password="one"))
        grant(world, "configmaps", "apps/settings")
        world.api.put_config_map("settings", {"mode": "fast"})
        world.api.put_environment("app", reading("kubernetes-secrets", **DB))
        world.api.put_environment("map", reading("kubernetes-configmaps", mode={"name": "settings", "key": "mode"}))
        with real_opening(world):
            async with world.operator():
                assert world.values("app") == {"DB": "one"}
                world.api.put_secret("db", coded(password="two"))
                world.api.put_config_map("settings", {"mode": "slow"})
                await world.settle()
                assert world.values("app") == {"DB": "two"}
                assert world.values("map") == {"MODE": "slow"}
                calls = len(world.api.calls)
                await world.settle()
                world.api.put_secret("other", coded(password="two"))
                await world.settle()
                assert len(world.api.calls) == calls

    play(story)


def test_what_is_deleted_is_told_once_and_picked_up_when_it_comes_back() -> None:
    async def story(world: World) -> None:
        grant(world, "secrets", "apps/db")
        world.api.put_secret("db", coded(password="one"))
        world.api.put_environment("app", reading("kubernetes-secrets", **DB))
        with real_opening(world):
            async with world.operator():
                world.api.delete_secret("db")
                await world.settle()
                assert world.told("app") == ("True", "Synced", "False", "ObjectNotFound")
                reads = world.api.count("review")
                await world.settle()
                assert world.api.count("review") == reads
                world.api.put_secret("db", coded(password="two"))
                await world.settle()
                assert world.told("app") == WELL
                assert world.values("app") == {"DB": "two"}

    play(story)


def test_a_change_while_no_operator_ran_is_followed_after_a_restart() -> None:
    async def story(world: World) -> None:
        grant(world, "secrets", "apps/db")
        world.api.put_secret("db", coded(password="one"))
        world.api.put_environment("app", reading("kubernetes-secrets", **DB))
        with real_opening(world):
            async with world.operator():
                assert world.values("app") == {"DB": "one"}
            world.api.put_secret("db", coded(password="two"))
            async with world.operator():
                await world.settle()
                assert world.values("app") == {"DB": "two"}

    play(story)
