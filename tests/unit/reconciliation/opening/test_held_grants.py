"""What a deleted environment held is revoked, and never under anyone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, UnavailableError
from esc_operator.evaluation import OpenRecord
from esc_operator.kube.paths import PODS
from esc_operator.reconciliation.opening.held_grants import HeldGrants
from esc_operator.resources.environment import Key, parse_environment
from unit.driver.test_renewing import TERM, Driver, Leasing
from unit.reconciliation.fake_api import FakeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from esc_operator.errors import KubeError
    from esc_operator.evaluation import Opened
    from esc_operator.resources.environment import EscEnvironment

APP, OTHER = Key("apps", "app"), Key("apps", "other")


def environment(key: Key = APP, **target: str) -> EscEnvironment:
    return parse_environment(
        {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscEnvironment",
            "metadata": {"namespace": key.namespace, "name": key.name, "uid": str(key), "generation": 1},
            "spec": {"environment": {}, "target": {"name": "app-secret", **target}},
        }
    )


class Stage:
    """Grants of one provider, on a clock that goes on while something is waited for."""

    def __init__(self) -> None:
        self.provider = Leasing()
        self.driver = Driver(self.provider)
        self.api = FakeApi()
        self.held = HeldGrants(self.api, self.driver.opener, lambda: self.driver.time, self.pause)
        self.looks = 0
        self.on_look: Callable[[int], None] = lambda _: None

    async def pause(self, seconds: float) -> None:
        self.driver.time += timedelta(seconds=seconds)
        self.looks += 1
        self.on_look(self.looks)
        await asyncio.sleep(0)

    async def hold(self, one: EscEnvironment) -> Opened:
        with self.held.opening():
            opened: Opened = await self.driver.open()
            record = OpenRecord("values.a", "app", "leasing", opened.lease, grant=opened.grant)
            self.held.hold(one, [record])
        return opened

    def run_pod(self, name: str, phase: str = "Running", secret: str = "app-secret", namespace: str = "apps") -> None:
        containers = [{"envFrom": [{"secretRef": {"name": secret}}]}]
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": {"containers": containers}}
        self.api.objects[PODS.plural, Key(namespace, name)] = {**body, "status": {"phase": phase}}

    def end_pod(self, name: str) -> None:
        del self.api.objects[PODS.plural, Key("apps", name)]

    @property
    def revoked(self) -> list[str]:
        return self.provider.revoked


def play(story: Callable[[Stage], Coroutine[Any, Any, None]]) -> Stage:
    async def run() -> Stage:
        stage = Stage()
        revoking = asyncio.create_task(stage.held.run())
        await story(stage)
        for _ in range(2000):
            await asyncio.sleep(0)
        revoking.cancel()
        return stage

    return asyncio.run(run())


def test_what_a_deleted_environment_held_is_revoked() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        stage.held.release(APP)
        assert (await stage.driver.open()).value == "value-2", "nobody else gets what is going to be revoked"

    assert play(story).revoked == ["value-1"]


def test_a_pod_that_runs_with_the_secret_keeps_it_alive_until_it_is_gone() -> None:
    async def story(stage: Stage) -> None:
        stage.run_pod("web")
        stage.on_look = lambda look: stage.end_pod("web") if look == 3 else None
        await stage.hold(environment())
        stage.held.release(APP)

    stage = play(story)
    assert stage.revoked == ["value-1"]
    assert stage.looks == 3


def test_other_pods_are_not_waited_for() -> None:
    async def story(stage: Stage) -> None:
        stage.run_pod("done", "Succeeded")
        stage.run_pod("failed", "Failed")
        stage.run_pod("stranger", secret="another")
        stage.run_pod("elsewhere", namespace="other")
        await stage.hold(environment())
        stage.held.release(APP)

    stage = play(story)
    assert (stage.revoked, stage.looks) == (["value-1"], 1)


def test_values_that_pods_use_to_their_end_are_not_revoked() -> None:
    async def story(stage: Stage) -> None:
        stage.run_pod("web")
        await stage.hold(environment())
        stage.held.release(APP)

    stage = play(story)
    assert stage.revoked == []
    assert stage.looks < 8, "it is not looked at any more once the lease has ended"


def test_what_another_environment_holds_as_well_stays() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        await stage.hold(environment(OTHER))
        stage.held.release(APP)

    assert play(story).revoked == []


def test_the_last_of_several_that_go_gives_it_up() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        await stage.hold(environment(OTHER))
        stage.held.release(APP)
        stage.held.release(OTHER)

    assert set(play(story).revoked) == {"value-1"}


def test_a_secret_that_is_retained_keeps_its_values() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment(deletionPolicy="Retain"))
        stage.held.release(APP)

    stage = play(story)
    assert (stage.revoked, stage.looks) == ([], 0)


def test_what_it_held_before_a_renewal_or_a_rotation_is_left_to_end() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        stage.driver.opener.logins.renounce()
        await stage.hold(environment())
        stage.held.release(APP)

    assert play(story).revoked == ["value-2"]


def test_an_environment_that_holds_nothing_any_more_has_nothing_to_revoke() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        stage.held.hold(environment(), [])
        stage.held.release(APP)
        stage.held.release(OTHER)

    assert play(story).revoked == []


def test_an_opening_under_way_that_may_have_got_it_is_waited_for() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        with stage.held.opening():
            opened = await stage.driver.open()
            stage.held.release(APP)
            for _ in range(20):
                await asyncio.sleep(0)
            assert stage.revoked == []
            stage.held.hold(environment(OTHER), [OpenRecord("a", "b", "leasing", opened.lease, grant=opened.grant)])

    assert play(story).revoked == []


@pytest.mark.parametrize(
    ("error", "revoked"),
    [(ForbiddenError("may not list pods"), []), (UnavailableError("does not answer"), ["value-1"])],
)
def test_where_pods_cannot_be_listed_nothing_is_revoked(error: KubeError, revoked: list[str]) -> None:
    async def story(stage: Stage) -> None:
        stage.api.refusals["list_page", PODS.plural] = error
        stage.on_look = lambda look: stage.api.refusals.clear() if look == 4 else None
        await stage.hold(environment())
        stage.held.release(APP)

    assert play(story).revoked == revoked


def test_what_has_ended_is_not_asked_about() -> None:
    async def story(stage: Stage) -> None:
        await stage.hold(environment())
        stage.driver.time += TERM
        stage.held.release(APP)

    stage = play(story)
    assert (stage.revoked, stage.looks, stage.api.calls) == ([], 0, [])
