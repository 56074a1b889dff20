"""Rotators in a ClusterEscEnvironment: one new secret a request for all namespaces, kept where none of them reaches."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.reconciliation.opening.rotator_secrets import parse_states
from esc_operator.resources import HOLDS, ROTATE_REQUESTED_AT, ROTATOR_STATES
from unit.reconciliation.losses import die_at_each, dying, lose_each
from unit.reconciliation.opening.test_rotator_secrets import RotatorWorld, rotating
from unit.reconciliation.world import MINUTE, SECOND, WELL, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.reconciliation.fake_api import Call

HOME, STATES = "esc-system", "db-rotator-states"
NAMES = ("team-0", "team-1", "team-2")


class WideRotators(RotatorWorld):
    """A ClusterEscEnvironment `db` that fills Secrets in some namespaces."""

    def __init__(self, home: str = HOME) -> None:
        super().__init__(home)
        self.is_of_the_cluster = True
        for name in (*NAMES, HOME):
            self.api.put_namespace(name)

    def put_wide(self, *namespaces: str, **metadata: Any) -> None:
        target = {"namespaces": list(namespaces or NAMES)}
        self.api.put_environment("db", rotating(state={"current": "key-0"}, target=target), "", **metadata)

    def ask(self, value: str) -> None:
        self.api.annotate_environment("db", "", annotations={ROTATE_REQUESTED_AT: value})

    def held(self, *namespaces: str) -> set[str]:
        """The keys that the Secrets hold."""
        found = (self.api.secret("db", name) for name in namespaces or NAMES)
        return {base64.b64decode(one["data"]["KEY"]).decode() if one else "" for one in found}

    def kept_wide(self) -> list[Any]:
        secret = self.api.secret(STATES, HOME)
        return [state.value for state in parse_states(secret["data"]["states"]).values()] if secret else []

    @property
    def wide(self) -> dict[str, Any]:
        status: dict[str, Any] = self.api.environment("db", "").get("status", {})
        return status

    def told_wide(self) -> tuple[str, str, str, str]:
        found = {one["type"]: (one["status"], one["reason"]) for one in self.wide["conditions"]}
        return (*found["Ready"], *found["Refreshed"])


def run(story: Callable[[WideRotators], Any], world: WideRotators | None = None) -> WideRotators:
    world = world or WideRotators()
    play(lambda _: story(world), world)
    return world


def test_one_new_secret_for_all_namespaces_is_kept_beside_the_operator_and_goes_with_the_environment() -> None:
    async def story(world: WideRotators) -> None:
        world.put_wide()
        async with world.operator():
            assert world.held() == {"key-0"}
            assert world.kept_wide() == []
            world.ask("1")
            await world.settle()
            assert world.held() == {"key-1"}
            assert world.kept_wide() == [{"current": "key-1", "previous": "key-0"}]
            assert world.wide["rotatorStates"] == f"{HOME}/{STATES}"
            secret = world.api.secret(STATES, HOME)
            assert secret is not None
            (owner,) = secret["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"]) == (
                "ClusterEscEnvironment",
                world.api.environment("db", "")["metadata"]["uid"],
            )
            assert secret["metadata"]["annotations"][HOLDS] == ROTATOR_STATES
        async with world.operator():
            world.api.put_namespace("late")
            world.put_wide(*NAMES, "late")
            await world.skip(MINUTE, step=SECOND)
            assert world.held(*NAMES, "late") == {"key-1"}
            assert world.told_wide() == WELL
        assert world.keys.made == 1
        world.api.delete_environment("db", "")
        assert world.api.secret(STATES, HOME) is None

    run(story)


def test_who_imports_it_gets_the_state_that_is_kept() -> None:
    async def story(world: WideRotators) -> None:
        world.put_wide()
        async with world.operator():
            world.ask("1")
            await world.settle()
            world.api.put_environment("app", {"environment": {"imports": ["ClusterEscEnvironment/db"]}})
            await world.settle()
            assert world.values("app") == {"KEY": "key-1"}
        assert world.keys.made == 1

    run(story)


def test_in_the_operators_namespace_neither_its_target_nor_that_of_another_is_confused_with_the_states() -> None:
    async def story(world: WideRotators) -> None:
        world.put_wide(*NAMES, HOME)
        world.api.put_environment("db", rotating(state={"current": "own-0"}), HOME)
        async with world.operator():
            world.ask("1")
            world.api.annotate_environment("db", HOME, annotations={ROTATE_REQUESTED_AT: "1"})
            await world.skip(MINUTE, step=SECOND)
            assert world.keys.made == 2
            assert len(world.kept_wide()) == 1
            assert world.api.secret("db-rotators", HOME) is not None
            variables = {"values": {"environmentVariables": {"A": "1"}}}
            world.api.put_environment("thief", {"environment": variables, "target": {"name": STATES}}, HOME)
            await world.skip(MINUTE, step=SECOND)
            (_, _, _, reason) = _told(world, "thief")
            assert reason == "TargetConflict"
            assert len(world.kept_wide()) == 1

    run(story)


def _told(world: WideRotators, name: str) -> tuple[str, str, str, str]:
    conditions = world.api.environment(name, HOME)["status"]["conditions"]
    found = {one["type"]: (one["status"], one["reason"]) for one in conditions}
    return (*found["Ready"], *found["Refreshed"])


def test_what_a_namespace_writes_under_that_name_is_no_state() -> None:
    async def story(world: WideRotators) -> None:
        world.put_wide()
        async with world.operator():
            world.ask("1")
            await world.settle()
            forged = world.api.secret(STATES, HOME)
            assert forged is not None
            for name in (STATES, "db-rotators"):
                world.api.put_secret(name, {"states": base64.b64encode(b"{}").decode()}, "team-0")
            world.ask("2")
            await world.settle()
            assert world.held() == {"key-2"}
            assert world.kept_wide() == [{"current": "key-2", "previous": "key-1"}]

    run(story)


def test_an_operator_without_a_namespace_rotates_nothing_and_says_what_to_do() -> None:
    async def story(world: WideRotators) -> None:
        world.put_wide()
        async with world.operator():
            assert world.held() == {"key-0"}
            world.ask("1")
            await world.skip(MINUTE, step=SECOND)
            assert world.told_wide()[2:] == ("False", "RotatorStatesUnplaced")
            (message,) = [one["message"] for one in world.wide["conditions"] if one["type"] == "Refreshed"]
            assert "--lease-namespace" in message
            assert world.held() == {"key-0"}
        assert world.keys.made == 0

    run(story, WideRotators(home=""))


# Faults.


async def live(world: WideRotators) -> None:
    world.put_wide()
    async with world.operator():
        await world.skip(MINUTE)
        world.ask("1")
        await world.skip(6 * MINUTE, step=5 * SECOND)


@cache
def undisturbed() -> dict[int, Call]:
    """The requests of the rotation, by their numbers."""
    calls = list(enumerate(run(live).api.calls))
    _, begin, *_ = (number for number, call in calls if (call.verb, call.name) == ("read", STATES))
    return dict(calls[begin:])  # the first one is of the first sync


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_it_rotates_once(kind: str) -> None:
    def check(world: WideRotators) -> None:
        assert world.keys.made == 1
        assert world.held() == {"key-1"}
        assert world.told_wide() == WELL

    lose_each(undisturbed(), kind, live, WideRotators, check)


def test_an_operator_that_dies_at_any_request_leaves_a_key_that_is_alive() -> None:
    lost = []

    async def live_twice(number: int, world: WideRotators) -> None:
        with dying(world.api, number):
            world.put_wide()
            async with world.operator():
                await world.skip(MINUTE)
                world.ask("1")
                await world.settle()
                assert all(world.keys.is_alive(key) for key in world.held())
        async with world.operator():
            await world.skip(6 * MINUTE, step=5 * SECOND)
        if world.keys.made > 1:
            lost.append(undisturbed()[number])

    def check(world: WideRotators) -> None:
        assert world.held() == {f"key-{world.keys.made}"}
        assert world.told_wide() == WELL

    die_at_each(undisturbed(), live_twice, WideRotators, check)
    # Only what was made and never written: nobody can know of it.
    assert {(call.verb, call.name) for call in lost} <= {("apply", STATES)}
