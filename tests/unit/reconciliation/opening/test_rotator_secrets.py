"""Rotators in an environment of the cluster: each request rotates once, and what was made is never lost again."""

from __future__ import annotations

import base64
import json
import logging
import re
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.errors import ConflictError, ForbiddenError, KubeError, ProviderError, UnavailableError
from esc_operator.evaluation import Opened, Rotated, Secret
from esc_operator.kube.identity_tokens import IdentityTokens
from esc_operator.kube.namespaces import Namespaces
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.manifests.environment_spec import NAME_PATTERN
from esc_operator.reconciliation.opening.account_objects import AccountObjects
from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.reconciliation.opening.opening import EnvironmentOpening
from esc_operator.reconciliation.opening.rotator_secrets import (
    CLUSTER_SUFFIX,
    SUFFIX,
    RotatorSecrets,
    parse_states,
    secret_name,
)
from esc_operator.resources import HOLDS, ROTATE_REQUESTED_AT, ROTATOR_STATES
from esc_operator.resources.rotate_request import AskedRotation
from unit.reconciliation.losses import dying, lose_each
from unit.reconciliation.rotation_world import RotationWorld
from unit.reconciliation.world import MINUTE, SECOND, WELL, World, play

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from unit.reconciliation.fake_api import Call


class Keys:
    """A service that keeps two keys alive: a new one ends the life of the last but one."""

    name: ClassVar[str] = "keys"
    inputs: ClassVar[Mapping[str, Any]] = {"type": "object", "rotateOnly": ["login"]}
    state: ClassVar[Mapping[str, Any]] = {"type": "object"}
    outputs: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def __init__(self) -> None:
        self.made = 0
        self.logins: list[Any] = []

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: object) -> Opened:
        if state is None:
            raise ProviderError("it was never rotated", reason="NotRotated")
        return Opened({"current": state["current"]})

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: object) -> Rotated:
        self.made += 1
        self.logins.append(inputs.get("login"))
        previous = state["current"] if state else None
        return Rotated({"current": Secret(f"key-{self.made}"), "previous": previous}, secret=False)

    def is_alive(self, key: str) -> bool:
        return key in {f"key-{self.made}", f"key-{self.made - 1}", "key-0"}


class Passwords(Keys):
    """A service that has one password, which a rotation replaces; so what it will be is stored first."""

    def __init__(self) -> None:
        super().__init__()
        self.password = "key-0"
        self.intended = 0
        self.had: set[str] = set()

    def intend(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None) -> Mapping[str, Any]:
        known = dict(state or {})
        if "pending" not in known:
            self.intended += 1
            known["pending"] = f"key-{self.intended}"
        return known

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: object) -> Rotated:
        assert state is not None, "it is called with what was stored"
        self.made += 1
        self.password = state["pending"]
        self.had.add(self.password)
        return Rotated({"current": Secret(state["pending"]), "previous": state.get("current")}, secret=False)


class Registry:
    def __init__(self, plugin: Any) -> None:
        self._plugin = plugin

    def find(self, name: str) -> Any:
        if name != self._plugin.name:
            raise ProviderError(f'unknown "{name}"', reason="UnknownRotator")
        return self._plugin


class Openings:
    """Opens as the operator does, with a memory that ends with the process."""

    def __init__(self, make: Callable[[], EnvironmentOpening]) -> None:
        self._make = make
        self.forget()

    def forget(self) -> None:
        self._opening = self._make()

    def renounce(self) -> None:
        self._opening._opener.logins.renounce()

    async def __call__(self, *arguments: Any) -> Any:
        return await self._opening(*arguments)

    async def check(self, *arguments: Any) -> Any:
        return await self._opening.check(*arguments)


class RotatorWorld(RotationWorld):
    """`keys` is the service outside, `home` the operator's own namespace."""

    def __init__(self, home: str = "esc-system") -> None:
        super().__init__()
        self.keys = Keys()
        tokens, allowances = IdentityTokens(self.api, self.now), Namespaces(self.api, ())
        imports, states = partial(ImportStore, self.api), partial(RotatorSecrets, self.api, home)
        objects = AccountObjects(self.api, tokens)
        self.cloud: Any = Openings(
            lambda: EnvironmentOpening(imports, tokens, objects, self._opener(), allowances, states())
        )

    def _opener(self) -> Opener:
        registry: Any = Registry(self.keys)
        return Opener(
            pool=BlockingPool(),
            logins=SharedLogins(self.now),
            settings={},
            now=self.now,
            catalogue=Catalogue(registry, registry),
        )

    def kept(self, name: str = "db") -> dict[str, Any]:
        """The states in the environment's own Secret, by path."""
        secret = self.api.secret(secret_name(name))
        return {path: state.value for path, state in parse_states(secret["data"]["states"]).items()} if secret else {}


def rotating(*imports: str, state: Any = None, **spec: Any) -> dict[str, Any]:
    call = {"inputs": {"login": "admin", "user": "me"}, **({"state": state} if state else {})}
    values = {"db": {"fn::rotate::keys": call}, "environmentVariables": {"KEY": "${db.current}"}}
    return {"environment": {"imports": list(imports), "values": values}, **spec}


def run(story: Callable[[RotatorWorld], Any], world: RotatorWorld | None = None) -> RotatorWorld:
    return play(story, world or RotatorWorld())


def annotate(world: World, value: str, name: str = "db") -> None:
    world.api.annotate_environment(name, annotations={ROTATE_REQUESTED_AT: value})


def test_a_rotation_is_kept_in_a_secret_of_its_own_and_used_from_then_on() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            assert world.values("db") == {"KEY": "key-0"}
            assert (world.keys.made, world.kept()) == (0, {})
            annotate(world, "1")
            await world.settle()
            assert world.values("db") == {"KEY": "key-1"}
            assert list(world.kept().values()) == [{"current": "key-1", "previous": "key-0"}]
            secret = world.api.secret("db-rotators")
            assert secret is not None
            owner = world.api.environment("db")["metadata"]["uid"]
            assert [one["uid"] for one in secret["metadata"]["ownerReferences"]] == [owner]
            assert secret["metadata"]["annotations"][HOLDS] == ROTATOR_STATES
            await world.skip(timedelta(hours=3), step=10 * MINUTE)
        async with world.operator():
            world.api.put_environment("db", rotating(state={"current": "key-0"}, refresh={"interval": "5m"}))
            await world.settle()
            assert world.values("db") == {"KEY": "key-1"}
            assert world.told("db") == WELL
        assert world.keys.made == 1
        assert world.keys.logins == ["admin"]
        world.api.delete_environment("db")
        assert world.api.secret("db-rotators") is None

    run(story)


def test_a_request_at_the_beginning_makes_the_first_secret_and_without_one_it_is_reported() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating())
        async with world.operator():
            assert world.told("db")[:2] == ("False", "NotRotated")
            annotate(world, "now")
            await world.settle()
            assert world.values("db") == {"KEY": "key-1"}
            # The Secret is made anew; its key is not.
            world.api.delete_secret("db")
            await world.settle()
            assert world.values("db") == {"KEY": "key-1"}
        assert world.keys.made == 1

    run(story)


def test_rotations_of_the_cluster_rotate_rotators_once_each() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            for count in (1, 2):
                await world.skip(MINUTE)
                world.rotate(f"leak-{count}", selector={"provider": "keys"})
                await world.skip(10 * SECOND, step=SECOND)
                assert world.tally(f"leak-{count}")[:2] == ("Succeeded", 1)
                assert world.values("db") == {"KEY": f"key-{count}"}
        assert world.keys.made == 2

    run(story)


def test_who_imports_it_gets_the_state_that_is_kept_and_rotates_nothing() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            annotate(world, "1")
            await world.settle()
            world.api.put_environment("app", {"environment": {"imports": ["db"]}})
            await world.settle()
            annotate(world, "1", "app")
            await world.settle()
            assert world.values("app") == {"KEY": "key-1"}
        assert world.keys.made == 1

    run(story)


def test_a_secret_of_somebody_elses_is_left_alone_and_nothing_is_rotated() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        world.api.put_secret("db-rotators", {"mine": "eA=="})
        async with world.operator():
            assert world.values("db") == {"KEY": "key-0"}
            annotate(world, "1")
            await world.skip(MINUTE, step=SECOND)
            assert world.told("db")[2:] == ("False", "RotatorStatesNotOwned")
            assert world.keys.made == 0
            world.api.delete_secret("db-rotators")
            await world.skip(6 * MINUTE, step=SECOND)
            assert world.values("db") == {"KEY": "key-1"}
        assert world.keys.made == 1

    run(story)


def test_what_others_add_to_the_secret_of_the_states_goes_with_the_next_one_and_its_label_comes_back() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            annotate(world, "1")
            await world.settle()
            before = world.api.secret("db-rotators")
            world.api.patch_secret("db-rotators", {"data": {"EXTRA": "eA=="}, "metadata": {"labels": None}})
            world.api.put_secret("db-rotators", {"MINE": "eA=="})
            annotate(world, "2")
            await world.skip(MINUTE)
            after = world.api.secret("db-rotators")
            assert before is not None
            assert after is not None
            assert set(after["data"]) == {"states"}
            assert after["metadata"]["labels"] == before["metadata"]["labels"]
            assert world.values("db") == {"KEY": "key-2"}
            assert list(world.kept().values()) == [{"current": "key-2", "previous": "key-1"}]

    run(story)


def test_no_environment_fills_the_secret_of_the_states() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(), annotations={ROTATE_REQUESTED_AT: "1"})
        async with world.operator():
            kept = world.kept()
            world.api.put_environment("db", rotating(target={"name": "db-rotators"}))
            world.api.put_environment("db-rotators", {"environment": {"values": {"environmentVariables": {"A": "1"}}}})
            await world.settle()
            for name in ("db", "db-rotators"):
                assert world.told(name)[2:] == ("False", "TargetConflict")
            assert world.kept() == kept

    run(story)


def test_no_state_is_ever_told(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(), annotations={ROTATE_REQUESTED_AT: "1"})
        async with world.operator():
            world.api.put_environment(
                "db", {"environment": {"values": {"db": {"fn::rotate::keys": 5}, "x": "${db.y}"}}}
            )
            await world.settle()
        told = json.dumps([world.status("db"), world.api.events])
        assert "key-1" not in told + caplog.text + repr(vars(world.cloud))

    with caplog.at_level(logging.DEBUG):
        run(story)


# Faults.


async def live(world: RotatorWorld) -> None:
    world.api.put_environment("db", rotating(state={"current": "key-0"}))
    async with world.operator():
        await world.skip(MINUTE)
        annotate(world, "1")
        await world.skip(6 * MINUTE, step=5 * SECOND)


async def live_twice(number: int, world: RotatorWorld) -> None:
    with dying(world.api, number):
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            await world.skip(MINUTE)
            annotate(world, "1")
            await world.settle()
            assert world.keys.is_alive((world.values("db") or {})["KEY"])
    async with world.operator():
        await world.skip(6 * MINUTE, step=5 * SECOND)


@cache
def calls_since_it_was_asked() -> dict[int, Call]:
    calls = run(live).api.calls
    reads = [number for number, call in enumerate(calls) if (call.verb, call.name) == ("read", "db-rotators")]
    return dict(enumerate(calls[reads[1] :], reads[1]))  # the first one is of the first sync


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_it_rotates_once(kind: str) -> None:
    def check(world: RotatorWorld) -> None:
        assert world.keys.made == 1
        assert world.values("db") == {"KEY": "key-1"}
        assert world.told("db") == WELL

    lose_each(calls_since_it_was_asked(), kind, live, RotatorWorld, check)


def test_an_operator_that_dies_at_any_request_leaves_a_key_that_is_alive() -> None:
    lost = []
    for number, call in calls_since_it_was_asked().items():
        world = run(partial(live_twice, number))
        told = f"died at {number}, {call}"
        assert world.values("db") == {"KEY": f"key-{world.keys.made}"}, told
        assert world.told("db") == WELL, told
        if world.keys.made > 1:
            lost.append(call)
    # Only what was made and never written: nobody can know of it.
    assert {(call.verb, call.name) for call in lost} <= {("apply", "db-rotators")}
    assert len(lost) == 1


@pytest.mark.parametrize("kind", ["before", "after"])
def test_whichever_request_is_lost_a_password_that_is_replaced_is_known(kind: str) -> None:
    def check(world: RotatorWorld) -> None:
        assert world.values("db") == {"KEY": passwords(world).password}
        assert list(world.kept().values()) == [{"current": passwords(world).password, "previous": "key-0"}]
        assert len(passwords(world).had) == 1
        assert world.told("db") == WELL

    lose_each(calls_since_a_password_was_asked(), kind, live, password_world, check)


def test_an_operator_that_dies_at_any_request_makes_one_password_and_loses_none() -> None:
    async def twice(number: int, world: RotatorWorld) -> None:
        with dying(world.api, number):
            world.api.put_environment("db", rotating(state={"current": "key-0"}))
            async with world.operator():
                await world.skip(MINUTE)
                annotate(world, "1")
                await world.settle()
        kept = next(iter(world.kept().values()), {"current": "key-0"})
        assert passwords(world).password in kept.values(), "nobody knows the password"
        async with world.operator():
            await world.skip(6 * MINUTE, step=5 * SECOND)

    for number, call in calls_since_a_password_was_asked().items():
        world = run(partial(twice, number), password_world())
        told = f"died at {number}, {call}"
        assert world.values("db") == {"KEY": passwords(world).password}, told
        assert passwords(world).had == {passwords(world).password}, told
        assert world.told("db") == WELL, told


def test_an_intention_that_cannot_be_stored_is_not_carried_out() -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            await world.settle()
            world.api.unavailable = True
            annotate(world, "1")
            await world.skip(MINUTE, step=5 * SECOND)
            assert passwords(world).made == 0
            world.api.unavailable = False
            await world.skip(6 * MINUTE, step=5 * SECOND)
            assert world.values("db") == {"KEY": "key-1"}

    run(story, password_world())


def password_world() -> RotatorWorld:
    world = RotatorWorld()
    world.keys = Passwords()
    world.cloud.forget()
    return world


def passwords(world: RotatorWorld) -> Passwords:
    assert isinstance(world.keys, Passwords)
    return world.keys


@cache
def calls_since_a_password_was_asked() -> dict[int, Call]:
    calls = run(live, password_world()).api.calls
    reads = [number for number, call in enumerate(calls) if (call.verb, call.name) == ("read", "db-rotators")]
    return dict(enumerate(calls[reads[1] :], reads[1]))


async def asked_twice(world: RotatorWorld) -> None:
    world.api.put_environment("db", rotating(), annotations={ROTATE_REQUESTED_AT: "1"})
    async with world.operator():
        uid = world.api.environment("db")["metadata"]["uid"]
        asked = AskedRotation("run", "leak", world.time).to_dict()
        await world.api.patch_status(ENVIRONMENTS, "apps", "db", {"rotation": asked}, uid)
        await world.settle()
        world.api.annotate_environment("db", annotations={})
        world.api.delete_secret("db")
        await world.settle()
        assert world.values("db") == {"KEY": "key-2"}


def test_taking_a_request_away_makes_no_key() -> None:
    assert run(asked_twice).keys.made == 2


@given(st.from_regex(NAME_PATTERN, fullmatch=True))
def test_the_secret_of_the_states_has_a_name_of_its_own_that_kubernetes_takes(name: str) -> None:
    for environment in (name[:253].rstrip("-."), (name * 253)[:253].rstrip("-.")):
        found, of_the_cluster = secret_name(environment), secret_name(environment, CLUSTER_SUFFIX)
        assert len({environment, found, of_the_cluster}) == 3
        assert not of_the_cluster.endswith(SUFFIX)
        assert max(len(found), len(of_the_cluster)) <= 253
        for one in (found, of_the_cluster):
            assert re.fullmatch(NAME_PATTERN, one) or not re.fullmatch(NAME_PATTERN, environment)


@given(st.binary(max_size=40))
def test_a_damaged_state_is_none(data: bytes) -> None:
    assert parse_states(base64.b64encode(data).decode()) == {}


def test_a_state_that_is_too_deep_is_none() -> None:
    assert parse_states(base64.b64encode(b"[" * 100_000).decode()) == {}


def refuse_states(world: RotatorWorld, error: KubeError | None) -> None:
    """Writes of the Secret for the states fail; None ends that."""

    def picky(call: Call) -> None:
        world.api.refusals.pop(("apply", "secrets"), None)
        if error and (call.verb, call.name) == ("apply", "db-rotators"):
            world.api.refusals["apply", "secrets"] = error

    world.api.before_call = picky


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnavailableError("the webhook is down", reason="AdmissionWebhookUnavailable"), "AdmissionWebhookUnavailable"),
        (UnavailableError("the API server answered 503"), "KubernetesUnavailable"),
        (ForbiddenError("the policy denies it"), "SecretRefused"),
        (ConflictError("other field managers own it"), "Conflict"),
    ],
)
def test_a_state_that_cannot_be_written_is_told_at_once_and_its_secret_is_made_once(
    error: KubeError, reason: str
) -> None:
    async def story(world: RotatorWorld) -> None:
        world.api.put_environment("db", rotating(state={"current": "key-0"}))
        async with world.operator():
            refuse_states(world, error)
            annotate(world, "1")
            await world.settle()
            assert world.told("db")[2:] == ("False", reason)
            assert error.message in world.condition("db", "Refreshed")["message"]
            assert world.values("db") == {"KEY": "key-0"}
            await world.skip(5 * SECOND, step=SECOND)
            before = world.api.count("patch_status", "create_event")
            await world.skip(MINUTE, step=SECOND)
            assert world.api.count("patch_status", "create_event") == before
            refuse_states(world, None)
            await world.skip(5 * SECOND, step=SECOND)
            assert world.told("db") == WELL
            assert world.values("db") == {"KEY": "key-1"}
            assert world.keys.made == 1

    run(story)
