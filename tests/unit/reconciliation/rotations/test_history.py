"""EscRotations of `esc rotate` do not pile up, and those of people are left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ForbiddenError
from esc_operator.kube.paths import ROTATIONS
from esc_operator.reconciliation.rotations.history import KEPT_AT_LEAST, Ended, expendable
from esc_operator.resources.environment import Key
from unit.reconciliation import world as worlds
from unit.reconciliation.rotation_world import RotationWorld
from unit.reconciliation.world import HOUR, MINUTE, static

if TYPE_CHECKING:
    import pytest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MADE = {"esc-operator.dev/made-by": "esc-rotate"}


def one(minutes: int, *, succeeded: bool = True) -> Ended:
    return Ended(f"esc-rotate-{minutes}", f"uid-{minutes}", NOW - minutes * MINUTE, succeeded)


def names(found: list[Ended]) -> list[int]:
    return sorted(int(each.name.rpartition("-")[2]) for each in found)


def test_the_newest_are_kept_of_those_that_succeeded_and_of_those_that_failed() -> None:
    known = [one(minutes, succeeded=minutes % 2 == 0) for minutes in range(20, 30)]
    assert names(expendable(known, 2, NOW)) == [24, 25, 26, 27, 28, 29]
    assert names(expendable(known, 4, NOW)) == [28, 29]
    assert expendable(known, 5, NOW) == []


def test_one_that_has_just_ended_is_kept_for_whoever_waits_for_it() -> None:
    known = [one(minutes) for minutes in (1, 9, 10, 11)]
    assert names(expendable(known, 0, NOW)) == [10, 11]


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=30), st.integers(0, 5))
def test_no_older_one_is_kept_in_place_of_a_newer_one(ages: list[tuple[int, bool]], limit: int) -> None:
    known = [
        Ended(f"{number}", "", NOW - timedelta(minutes=age), succeeded) for number, (age, succeeded) in enumerate(ages)
    ]
    gone = expendable(known, limit, NOW)
    for succeeded in (True, False):
        kept = [each for each in known if each.succeeded is succeeded and each not in gone]
        assert len(kept) >= min(limit, sum(each.succeeded is succeeded for each in known))
        settled = [each for each in kept if each.completed_at + KEPT_AT_LEAST <= NOW]
        assert len(settled) <= limit
        oldest_kept = min((each.completed_at for each in kept), default=NOW)
        assert all(each.completed_at <= oldest_kept for each in gone if each.succeeded is succeeded)


def there(world: RotationWorld) -> set[str]:
    return {key.name for plural, key in world.api.objects if plural == ROTATIONS.plural}


def made_by_command(world: RotationWorld, name: str, **spec: Any) -> None:
    world.rotate(name, **spec)
    world.api.objects[ROTATIONS.plural, Key("", name)]["metadata"]["labels"] = MADE


def play(story: Any) -> None:
    world = RotationWorld()
    world.history = 2
    world.api.put_environment("plain", static(COLOUR="blue"))
    worlds.play(story, world)


def test_only_what_the_command_made_is_deleted_and_only_some_time_after_its_end() -> None:
    async def story(world: RotationWorld) -> None:
        for name in ("person", "esc-rotate-by-a-person"):
            world.rotate(name)
        async with world.operator():
            for number in range(4):
                made_by_command(world, f"esc-rotate-{number}")
                await world.skip(MINUTE)
            made = {f"esc-rotate-{number}" for number in range(4)}
            assert there(world) == {"person", "esc-rotate-by-a-person"} | made
            await world.skip(HOUR, step=MINUTE)
            assert there(world) == {"person", "esc-rotate-by-a-person", "esc-rotate-2", "esc-rotate-3"}
            assert world.rotation("esc-rotate-2")["phase"] == "Succeeded"

    play(story)


def test_a_restart_deletes_what_ended_before_it() -> None:
    async def story(world: RotationWorld) -> None:
        async with world.operator():
            for number in range(4):
                made_by_command(world, f"esc-rotate-{number}")
                await world.skip(MINUTE)
        await world.skip(HOUR, step=MINUTE)
        assert len(there(world)) == 4
        async with world.operator():
            await world.skip(MINUTE)
            assert there(world) == {"esc-rotate-2", "esc-rotate-3"}

    play(story)


def test_a_role_without_the_right_is_reported_once_and_stops_no_rotation(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: RotationWorld) -> None:
        world.api.refusals["delete", ROTATIONS.plural] = ForbiddenError('cannot delete "escrotations"')
        async with world.operator():
            for number in range(6):
                made_by_command(world, f"esc-rotate-{number}")
                await world.skip(15 * MINUTE, step=MINUTE)
                assert world.rotation(f"esc-rotate-{number}")["phase"] == "Succeeded"
        assert len(there(world)) == 6

    play(story)
    said = [record.message for record in caplog.records if "are not deleted" in record.message]
    assert said == ['Ended EscRotations of esc rotate are not deleted: cannot delete "escrotations"']
