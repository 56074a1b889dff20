"""An EscRotation asks by the status of an environment: once, whatever else happens to either."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from esc_operator.errors import UnavailableError
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.rotate_request import AskedRotation, parse_asked_rotation
from esc_operator.resources.sync_record import parse_sync_record
from unit.reconciliation.rollout_world import RolloutWorld, rolling_login, taking
from unit.reconciliation.world import MINUTE, SECOND, WELL, World, login, play

if TYPE_CHECKING:
    from esc_operator.resources.sync_record import SyncRecord
    from unit.reconciliation.fake_api import Call


async def ask(world: World, name: str, run: str, **more: Any) -> None:
    """As the operator asks: it writes the one field and leaves the others alone."""
    asked = AskedRotation(run, "leak", world.time, **more).to_dict()
    uid = world.api.environment(name)["metadata"]["uid"]
    await world.api.patch_status(ENVIRONMENTS, "apps", name, {"rotation": asked}, uid)
    await world.settle()


def record(world: World, name: str) -> SyncRecord:
    secret = world.api.secret(name)
    assert secret is not None
    found = parse_sync_record(secret["metadata"]["annotations"])
    assert found is not None
    return found


def test_each_run_that_asks_mints_once_and_is_reported_by_the_secret_and_the_status() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            for count, run in enumerate(["a/1", "a/2", "b/1"], start=2):
                await world.skip(MINUTE)
                await ask(world, "aws", run)
                await ask(world, "aws", run)
                assert world.cloud.mints == {"aws": count}
                assert record(world, "aws").rotation == world.status("aws")["observedRotation"] == run
        async with world.operator():
            await world.skip(MINUTE)
        assert world.cloud.mints == {"aws": 4}
        assert world.status("aws")["rotation"]["id"] == "b/1"
        assert world.told("aws") == WELL

    play(story)


def test_annotation_and_rotation_ask_beside_each_other() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login(), annotations={ROTATE_REQUESTED_AT: "1"})
        async with world.operator():
            await world.skip(MINUTE)
            await ask(world, "aws", "a/1")
            assert world.cloud.mints == {"aws": 2}
        async with world.operator():
            world.api.annotate_environment("aws", annotations={})
            await world.settle()
            assert world.cloud.mints == {"aws": 2}
            world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "2"})
            await world.settle()
            assert world.cloud.mints == {"aws": 3}
            assert (record(world, "aws").rotate_request, record(world, "aws").rotation) == ("2", "a/1")

    play(story)


def test_a_status_that_was_lost_asks_for_nothing_and_is_written_again_beside_a_new_request() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(MINUTE)
            await ask(world, "aws", "a/1")
        world.api.annotate_environment("aws", labels={"x": "y"})
        body = world.api.environment("aws")
        body["status"] = {}
        world.api._put(ENVIRONMENTS, body)
        async with world.operator():
            assert world.told("aws") == WELL
            await ask(world, "aws", "a/1")
        assert world.cloud.mints == {"aws": 2}
        assert world.status("aws")["rotation"]["id"] == "a/1"

    play(story)


def test_those_who_share_a_login_share_what_was_minted_after_the_run_began() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(MINUTE)
            asked = world.time
            world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            await world.skip(MINUTE)
            uid = world.api.environment("aws")["metadata"]["uid"]
            rotation = AskedRotation("a/1", "leak", asked - SECOND).to_dict()
            await world.api.patch_status(ENVIRONMENTS, "apps", "aws", {"rotation": rotation}, uid)
            await world.settle()
        assert record(world, "aws").rotation == "a/1"
        assert world.cloud.mints == {"aws": 2}

    play(story)


def test_a_request_whose_answer_fails_is_honoured_by_a_retry() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            await world.skip(MINUTE)
            world.cloud.refusals["aws"] = Refused("Throttled", "slow down")
            await ask(world, "aws", "a/1")
            assert world.told("aws")[2:] == ("False", "Throttled")
            assert world.status("aws")["observedRotation"] == "a/1"
            world.cloud.refusals.clear()
            await world.skip(MINUTE, step=SECOND)
        assert record(world, "aws").rotation == "a/1"
        assert world.cloud.mints == {"aws": 2}

    play(story)


def test_an_operator_that_dies_at_any_request_honours_it_once() -> None:
    async def story(world: World, number: int) -> None:
        world.api.put_environment("aws", login())
        async with world.operator():
            begun = len(world.api.calls)

            def die(_: Call) -> None:
                world.api.unavailable = len(world.api.calls) > begun + number

            world.api.before_call = die
            with contextlib.suppress(UnavailableError):
                await ask(world, "aws", "a/1")
        world.api.before_call, world.api.unavailable = (lambda _: None), False
        async with world.operator():
            await ask(world, "aws", "a/1")
        assert record(world, "aws").rotation == "a/1"
        # What was minted and not yet written died with the process.
        assert world.cloud.mints["aws"] <= 3

    for number in range(8):
        play(partial(story, number=number))


def test_a_rotation_that_leaves_pods_alone_fills_the_secret_and_rolls_nothing_until_it_is_renewed() -> None:
    async def story(world: World) -> None:
        assert isinstance(world, RolloutWorld)
        world.api.pods_come = True
        world.api.put_environment("aws", rolling_login())
        async with world.operator():
            await world.skip(5 * MINUTE, step=MINUTE)
            world.api.put_workload("web", taking("aws"))
            await ask(world, "aws", "a/1", rolls=False)
            await world.skip(5 * MINUTE, step=MINUTE)
            assert world.cloud.mints == {"aws": 2}
            assert world.api.patches == []
            assert world.condition("aws", "RolledOut")["reason"] == "PodsLeft"
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.cloud.mints == {"aws": 3}
            assert world.api.patches == ["web"]
            assert world.condition("aws", "RolledOut")["status"] == "True"
            await ask(world, "aws", "a/2")
            await world.skip(MINUTE, step=SECOND)
            assert world.api.patches == ["web", "web"]

    play(story, RolloutWorld())


def test_what_cannot_be_read_asks_for_nothing() -> None:
    for data in (None, {}, {"id": "a"}, {"id": "a", "requestedAt": "soon"}, {"requestedAt": "2026-05-01T12:00:00Z"}):
        assert parse_asked_rotation(data) is None
