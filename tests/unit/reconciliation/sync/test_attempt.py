"""What an attempt does alike, whether it fills one Secret or one in each of many namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from esc_operator.errors import UnavailableError
from esc_operator.reconciliation.sync.decide_refused import refuse
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.sync.situation import Situation
from esc_operator.reconciliation.sync.target_secret import NO_SECRET
from esc_operator.reconciliation.workqueue.retry_after import LONGEST_ASKED
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.environment import Key, parse_environment
from esc_operator.resources.status import Status
from unit.reconciliation.fan_out_world import Teams
from unit.reconciliation.world import HOUR, MINUTE, SECOND, START, WELL, World, login, play, static

if TYPE_CHECKING:
    from datetime import timedelta

BUSY = UnavailableError.default_reason
ONE, MANY = ("aws", "apps"), ("wide", "")
BOTH = pytest.mark.parametrize("place", [ONE, MANY], ids=["EscEnvironment", "ClusterEscEnvironment"])


def a_world(place: tuple[str, str]) -> World:
    return World() if place == ONE else Teams(3)


def put(world: World, place: tuple[str, str], **more: object) -> None:
    if isinstance(world, Teams):
        world.put_wide({**login(), **more})
    else:
        world.api.put_environment("aws", {**login(), **more})


def conditions(world: World) -> tuple[str, str, str, str]:
    return world.conditions() if isinstance(world, Teams) else world.told("aws")


@BOTH
def test_an_environment_that_the_api_server_asks_to_wait_while_it_is_opened_asks_nothing_whatever_wakes_it(
    place: tuple[str, str],
) -> None:
    async def story(world: World) -> None:
        name, namespace = place
        put(world, place)
        async with world.operator():
            assert conditions(world) == WELL
            world.cloud.refusals[name] = Refused(BUSY, "could not read an import: too many requests", retry_after=30)
            world.api.annotate_environment(name, namespace, annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            assert conditions(world)[3] == BUSY
            calls, opened = len(world.api.calls), world.cloud.opened[name]
            for number in range(29):
                world.api.put_secret(name, {"TOKEN": f"{number}"}, namespace or "team-01")
                put(world, place, refreshInterval=f"{number + 1}h")
                await world.skip(SECOND)
            assert (len(world.api.calls), world.cloud.opened[name]) == (calls, opened)
            world.cloud.refusals.clear()
            await world.skip(2 * SECOND)
            assert conditions(world) == WELL

    play(story, a_world(place))


@BOTH
def test_an_api_server_that_asks_for_an_absurd_time_lets_nothing_expire(place: tuple[str, str]) -> None:
    async def story(world: World) -> None:
        name, namespace = place
        put(world, place)
        async with world.operator():
            world.cloud.refusals[name] = Refused(BUSY, "too many requests", retry_after=90_000)
            world.api.annotate_environment(name, namespace, annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            world.cloud.refusals.clear()
            await world.skip(LONGEST_ASKED + 2 * SECOND, step=SECOND)
            assert conditions(world) == WELL

    play(story, a_world(place))


@BOTH
def test_a_target_that_was_somebody_elses_is_filled_as_soon_as_it_is_free(place: tuple[str, str]) -> None:
    async def story(world: World) -> None:
        name, namespace = place
        where = [namespace] if namespace else [f"team-0{number}" for number in range(3)]
        for one in where:
            world.api.put_secret(name, {"mine": "eA=="}, one)
        put(world, place)
        async with world.operator():
            await world.skip(HOUR, step=MINUTE)  # so that the next look by time is far away
            assert conditions(world)[:2] == ("False", "SecretNotOwned")
            assert world.cloud.opened == {}
            world.api.delete_secret(name, where[-1])
            world.reconciler.event_handlers.wake((Key(namespace, name),))
            await world.settle()
            secret = world.api.secret(name, where[-1])
            assert secret is not None
            assert "TOKEN" in secret["data"]

    play(story, a_world(place))


def a_situation() -> Situation:
    body = {"metadata": {"name": "aws", "namespace": "apps", "uid": "u", "generation": 1}, "spec": static(A="1")}
    return Situation(parse_environment(body), Status(), NO_SECRET, START)


@pytest.mark.parametrize(
    ("refused", "asked", "after"),
    [
        (Refused(BUSY, "too many requests", retry_after=30), 30, 30 * SECOND),
        (Refused(BUSY, "too many requests", retry_after=90_000), 90_000, LONGEST_ASKED),
        (Refused(BUSY, "no answer"), None, None),
        (Refused("Throttled", "slow down", retry_after=600), None, 600 * SECOND),
    ],
)
def test_a_refusal_holds_back_for_an_api_server_alone_and_waits_for_whoever_asks(
    refused: Refused, asked: float | None, after: timedelta | None
) -> None:
    refusal = refuse(a_situation(), refused)
    assert refusal.asked == asked
    assert refusal.failed is not None
    assert refusal.failed.retry_after == (START + after if after else None)
    if after:
        assert refusal.plan.wake_at == START + after
