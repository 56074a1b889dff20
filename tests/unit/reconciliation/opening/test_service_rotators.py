"""Rotators that rotate in the service which evaluates the environment: if a request asks for it, and once for each."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import UnavailableError
from esc_operator.evaluation import Failed
from esc_operator.providers.port import RotatedInService
from esc_operator.reconciliation.opening.rotator_secrets import RotatorSecrets
from esc_operator.reconciliation.opening.service_rotators import STATE_PATH, rotate_in_service, warnings_of_rotators
from esc_operator.resources import ROTATE_PULUMI_ROTATORS, ROTATE_REQUESTED_AT, reasons
from esc_operator.resources.environment import parse_environment
from unit.reconciliation.world import World, play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.resources.environment import EscEnvironment

PULUMI = {"environmentFrom": {"pulumi": {"organization": "acme", "environment": "prod", "oidc": {}}}}
AWAY = Failed("no answer", "Unreachable", outage=True)


class Service:
    """Rotates, and knows its rotations. `loses`: how many answers it loses although it has rotated. `failing` and
    `under_way` are of the next rotation; `refuses` refuses it, and `forgets` tells nothing of those before."""

    def __init__(self) -> None:
        self.done: list[RotatedInService] = []
        self.loses = 0
        self.failing: dict[str, str] = {}
        self.under_way = False
        self.refuses: Failed | None = None
        self.forgets: Failed | None = None

    async def rotations(self) -> Sequence[RotatedInService] | Failed:
        return self.forgets or self.done

    async def rotate(self) -> RotatedInService | Failed:
        if self.refuses:
            return self.refuses
        self.done.insert(0, RotatedInService(str(len(self.done)), self.failing, self.under_way))
        if self.loses:
            self.loses -= 1
            return AWAY
        return self.done[0]


def environment(world: World, request: str, *, rotators: bool = True) -> EscEnvironment:
    """With the request of its annotation, which asks for its rotators or does not."""
    annotations = {ROTATE_REQUESTED_AT: request, **({ROTATE_PULUMI_ROTATORS: request} if rotators else {})}
    world.api.put_environment("shop", PULUMI, annotations=annotations)
    return parse_environment(world.api.environment("shop"))


async def rotate(world: World, service: Service, asked: EscEnvironment, *, rotates: bool = True) -> Failed | None:
    """As a process does that knows nothing of those before."""
    states = RotatorSecrets(world.api, "esc-system").of(asked, rotates=rotates)
    return await rotate_in_service(states, asked, service)


async def warnings(world: World, asked: EscEnvironment) -> list[str]:
    states = RotatorSecrets(world.api, "esc-system").of(asked, rotates=False)
    return [one.message for one in await warnings_of_rotators(states, asked, "acme/shop/prod")]


def test_a_request_rotates_once_and_only_if_it_asks_for_it() -> None:
    async def story(world: World) -> None:
        service = Service()
        for number, rotators in enumerate([False, True, True, False, True]):
            asked = environment(world, str(number), rotators=rotators)
            assert await rotate(world, service, asked, rotates=False) is None  # a renewal, say
            assert await rotate(world, service, asked) is None
            assert await rotate(world, service, asked) is None
            assert len(service.done) == (0, 1, 2, 2, 3)[number]
            assert await warnings(world, asked) == []

    play(story)


def test_what_failed_is_a_warning_until_another_request_and_keeps_nothing_from_being_opened() -> None:
    async def story(world: World) -> None:
        service, asked = Service(), environment(world, "1")
        service.failing = {"db.password": "the database is away", "api": ""}
        for _ in range(3):
            assert await rotate(world, service, asked) is None
        assert len(service.done) == 1
        asked_for = "have not rotated in Pulumi Cloud, as was requested"
        again = "correct that, and request it again: esc rotate apps/shop --pulumi-rotators"
        named = "api, db.password (the database is away)"
        assert await warnings(world, asked) == [f"some rotators of acme/shop/prod {asked_for}: {named}; {again}"]
        asked, service.refuses = environment(world, "2"), Failed("the token may not do this", "PulumiAccessDenied")
        assert await rotate(world, service, asked) is None
        told = f"rotators of acme/shop/prod {asked_for}: the token may not do this; {again}"
        assert await warnings(world, asked) == [told]
        assert await warnings(world, environment(world, "3", rotators=False)) == []
        asked, service.refuses, service.failing = environment(world, "4"), None, {}
        assert await rotate(world, service, asked) is None
        assert await warnings(world, asked) == []
        assert len(service.done) == 2

    play(story)


@pytest.mark.parametrize("earlier", [0, 2])
def test_an_answer_that_is_lost_is_looked_for_and_nothing_rotates_twice(earlier: int) -> None:
    async def story(world: World) -> None:
        service, asked = Service(), environment(world, "1")
        service.done = [RotatedInService(f"before-{number}") for number in range(earlier)]
        service.loses, service.failing = 1, {"api": "no"}
        assert await rotate(world, service, asked) == AWAY
        service.failing = {}
        service.done.insert(0, RotatedInService("somebody else's"))
        assert await rotate(world, service, asked) is None
        assert len(service.done) == earlier + 2
        assert "api (no)" in "".join(await warnings(world, asked))

    play(story)


def test_a_service_that_is_out_of_order_is_waited_for_a_while() -> None:
    async def story(world: World) -> None:
        service, asked = Service(), environment(world, "1")
        service.refuses = AWAY
        assert [await rotate(world, service, asked) for _ in range(4)] == [AWAY, AWAY, None, None]
        assert "no answer" in "".join(await warnings(world, asked))
        asked = environment(world, "2")
        service.refuses, service.under_way = None, True
        found = await rotate(world, service, asked)
        assert found is not None
        assert found.reason == reasons.ROTATING
        service.done[0] = RotatedInService("0")
        assert await rotate(world, service, asked) is None
        assert len(service.done) == 1

    play(story)


def test_without_the_history_of_rotations_an_answer_that_is_lost_costs_another_rotation() -> None:
    async def story(world: World) -> None:
        service, asked = Service(), environment(world, "1")
        service.forgets, service.loses = Failed("the token may not read it", "PulumiAccessDenied"), 1
        assert await rotate(world, service, asked) == AWAY
        assert await rotate(world, service, asked) is None
        assert len(service.done) == 2

    play(story)


def test_without_a_place_for_what_was_rotated_nothing_is() -> None:
    async def story(world: World) -> None:
        service = Service()
        world.api.put_secret("shop-rotators", {"mine": "value"})
        found = await rotate(world, service, environment(world, "1"))
        assert found is not None
        assert (found.reason, service.done) == (reasons.ROTATOR_STATES_NOT_OWNED, [])
        world.api.put_secret("other-rotators", {})

    play(story)


@pytest.mark.parametrize("written", [0, 1])
def test_an_intention_that_cannot_be_stored_rotates_nothing_and_an_outcome_that_cannot_be_is_found_again(
    written: int,
) -> None:
    async def story(world: World) -> None:
        service, asked = Service(), environment(world, "1")
        applied = 0

        def count(call: object) -> None:
            nonlocal applied
            applied += getattr(call, "verb", "") == "apply"
            world.api.unavailable = applied > written

        world.api.before_call = count
        with pytest.raises(UnavailableError):
            await rotate(world, service, asked)
        world.api.before_call, world.api.unavailable = (lambda _: None), False
        assert len(service.done) == written
        assert await rotate(world, service, asked) is None
        assert len(service.done) == 1

    play(story)


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        "done",
        {"failed": 1},
        {"failed": ["db"]},
        {"tries": "many", "before": ""},
        {"tries": 1, "before": ["x"]},
        {"tries": 10**30, "before": "0"},
        {"failed": {"db": {"deep": [1]}, "": None}},
    ],
)
def test_whatever_a_namespace_writes_into_the_state_only_its_own_rotation_depends_on_it(state: Any) -> None:
    async def story(world: World) -> None:
        service, asked = Service(), environment(world, "1")
        assert await rotate(world, service, asked) is None
        secret = world.api.secret("shop-rotators")
        assert secret is not None
        entry = {STATE_PATH: {"state": state, "request": ["1", ""]}}
        data = {"states": base64.b64encode(json.dumps(entry).encode()).decode()}
        world.api.put_secret("shop-rotators", data)
        assert await rotate(world, service, asked) is None
        assert len(await warnings(world, asked)) <= 1
        assert len(service.done) <= 2

    play(story)
