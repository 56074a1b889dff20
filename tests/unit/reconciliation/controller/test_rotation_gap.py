"""An annotation in a loop mints three times and then once a minute, also over restarts and failures, and keeps no
EscRotation waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import parse_time
from esc_operator.kube.paths import ROTATIONS
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.environment import Key
from unit.reconciliation.rotation_world import RotationWorld
from unit.reconciliation.world import MINUTE, SECOND, login, play

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Story = Callable[[RotationWorld], Coroutine[Any, Any, None]]


def asking(world: RotationWorld) -> Callable[[], Coroutine[Any, Any, None]]:
    count = 0

    async def ask() -> None:
        nonlocal count
        count += 1
        world.api.annotate_environment("aws", annotations={ROTATE_REQUESTED_AT: str(count)})
        await world.settle()

    return ask


def delays(world: RotationWorld) -> list[str]:
    return [event["message"] for event in world.api.events if event["reason"] == "RotationDelayed"]


def told(story: Story) -> RotationWorld:
    world = RotationWorld()
    play(story, world)
    return world


def test_three_are_done_at_once_and_the_next_one_when_the_gap_is_over_and_that_is_reported() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("aws", login())
        ask = asking(world)
        async with world.operator():
            for _ in range(10):
                await ask()
            assert world.cloud.opened["aws"] == 4
            due = parse_time(world.status("aws")["rotationDueAt"])
            assert due is not None
            assert MINUTE - SECOND <= due - world.time <= MINUTE
            (message,) = delays(world)
            assert message == (
                f"the rotation that the annotation {ROTATE_REQUESTED_AT} requests starts at "
                f"{world.status('aws')['rotationDueAt']}: an environment has 3 rotations at once, and then one a "
                "minute; use an EscRotation if it cannot wait"
            )
            await world.skip(MINUTE, step=SECOND)
            assert world.cloud.opened["aws"] == 5
            assert world.status("aws").get("rotationDueAt") is None
            assert world.status("aws")["observedRotateRequest"] == "10"
            await world.skip(10 * MINUTE, step=10 * SECOND)
            assert world.cloud.opened["aws"] == 5
            await ask()
            assert world.cloud.opened["aws"] == 6

    told(story)


def test_a_loop_mints_once_a_minute_and_a_restart_forgets_nothing() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("aws", login())
        ask = asking(world)
        for _ in range(5):
            async with world.operator():
                for _ in range(60):
                    await world.skip(SECOND)
                    await ask()
        assert world.cloud.mints["aws"] <= 1 + 3 + 5

    told(story)


def test_failing_attempts_count_as_well_so_that_a_loop_goes_around_no_pause() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("aws", login())
        ask = asking(world)
        async with world.operator():
            world.cloud.refusals["aws"] = Refused("RoleTrustRefused", "no trust", retryable=False)
            for _ in range(60):
                await ask()
                await world.skip(SECOND)
            assert world.cloud.opened["aws"] <= 1 + 3 + 1

    told(story)


def test_an_escrotation_does_not_wait_for_what_the_owner_has_asked_before() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("aws", login())
        ask = asking(world)
        async with world.operator():
            for _ in range(9):
                await ask()
            assert world.cloud.opened["aws"] == 4
            world.rotate()
            for _ in range(8):
                await world.skip(SECOND / 2)
                await ask()
            assert world.tally() == ("Succeeded", 1, 0, 0, 1, 0, 0)
            assert world.cloud.opened["aws"] == 5
            assert world.honoured("aws") == world.api.objects[ROTATIONS.plural, Key("", "leak")]["metadata"]["uid"]

    told(story)


def test_an_owner_who_asks_in_a_loop_does_not_keep_a_rotation_from_seeing_that_it_fails() -> None:
    async def story(world: RotationWorld) -> None:
        world.api.put_environment("aws", login())
        ask = asking(world)
        async with world.operator():
            world.cloud.refusals["aws"] = Refused("Throttled", "slow down")
            world.rotate()
            for _ in range(120):
                await world.skip(SECOND)
                await ask()
                if world.rotation().get("completedAt"):
                    break
            assert world.tally() == ("Failed", 1, 0, 0, 0, 1, 0)

    told(story)
