"""An environment that changes again and again costs a bounded share, and is served as it is at last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.workqueue.change_backoff import AT_ONCE, CALM, FIRST_GAP, LONGEST_GAP, ChangeBackoff
from unit.reconciliation.world import SECOND, World, play, static

START = datetime(2026, 5, 1, tzinfo=UTC)


def attempts_of_a_loop(seconds: int, each: timedelta) -> list[datetime]:
    """When an environment is worked on that changes once in so long a time."""
    backoff: ChangeBackoff[str] = ChangeBackoff()
    dues: list[datetime] = []
    now = START
    while now < START + timedelta(seconds=seconds):
        due = backoff.due("env", now)
        if not dues or due != dues[-1]:
            dues.append(due)
        now += each
    return dues


def test_a_few_changes_are_worked_on_at_once_and_a_loop_of_them_with_growing_gaps() -> None:
    dues = attempts_of_a_loop(60, timedelta(milliseconds=10))
    gaps = [after - before for before, after in pairwise(dues)]
    assert all(gap <= timedelta(milliseconds=10) for gap in gaps[: AT_ONCE - 1])
    assert gaps[AT_ONCE - 1] >= FIRST_GAP
    assert gaps[-1] == LONGEST_GAP
    assert len(dues) <= AT_ONCE + 5 + 60 / LONGEST_GAP.total_seconds()


def test_whoever_was_calm_for_a_while_is_worked_on_at_once_again() -> None:
    backoff: ChangeBackoff[str] = ChangeBackoff()
    for _ in range(20):
        due = backoff.due("env", START)
    assert due > START
    assert backoff.due("other", START) == START
    later = due + CALM
    assert backoff.due("env", later) == later


def test_a_clock_that_is_set_back_makes_nobody_wait() -> None:
    backoff: ChangeBackoff[str] = ChangeBackoff()
    for number in range(10):
        backoff.due("env", START + number * SECOND)
    before = START - timedelta(hours=1)
    assert backoff.due("env", before) == before


@given(pauses=st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_change_waits_longer_than_the_longest_gap_and_none_is_lost(pauses: list[float]) -> None:
    backoff: ChangeBackoff[str] = ChangeBackoff()
    now = START
    for pause in pauses:
        now += timedelta(seconds=pause)
        assert now <= backoff.due("env", now) <= now + LONGEST_GAP


def test_what_is_forgotten_is_only_what_was_calm() -> None:
    backoff: ChangeBackoff[int] = ChangeBackoff()
    for number in range(5000):
        backoff.due(number, START + number * SECOND)
    assert len(backoff._rows) < 2500


def test_a_loop_of_changes_is_coalesced_and_its_last_values_are_served() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("loop", static(N="0"))
        world.api.put_environment("other", static(A="1"))
        async with world.operator():
            for number in range(1, 40):
                world.api.put_environment("loop", static(N=str(number)))
                await world.settle()
            assert world.cloud.opened["loop"] <= AT_ONCE + 1
            world.api.put_environment("other", static(A="2"))
            await world.settle()
            assert world.values("other") == {"A": "2"}
            world.time += LONGEST_GAP
            world.reconciler.event_handlers.wake_due()
            await world.settle()
            assert world.values("loop") == {"N": "39"}

    play(story)


def test_an_environment_that_is_deleted_while_its_change_waits_is_gone() -> None:
    async def story(world: World) -> None:
        world.api.put_environment("loop", static(N="0"))
        async with world.operator():
            for number in range(1, 12):
                world.api.put_environment("loop", static(N=str(number)))
                await world.settle()
            world.api.delete_environment("loop")
            await world.settle()
            assert world.reconciler.cache.entries() == []
            world.time += LONGEST_GAP
            world.reconciler.event_handlers.wake_due()
            await world.settle()
            assert world.reconciler.cache.entries() == []

    play(story)
