"""When keys come due: by wall clock, each once, through every kind of jump."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.workqueue.scheduler import Scheduler

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Told:
    """A scheduler, its clock, and what it handed out."""

    def __init__(self) -> None:
        self.time = START
        self.seconds = 0.0
        self.keys: list[str] = []
        self.scheduler: Scheduler[str] = Scheduler(lambda: self.time, lambda: self.seconds)

    def take(self, key: str, when: datetime) -> None:
        assert when <= self.time
        self.keys.append(key)

    def at(self, seconds: float) -> list[str]:
        """What is handed out at that time."""
        self.time, self.keys = START + timedelta(seconds=seconds), []
        self.scheduler.take_due(self.take)
        return self.keys


def test_keys_come_due_in_the_order_of_their_times_and_only_once() -> None:
    told = Told()
    told.scheduler.set("b", START + 2 * SECOND)
    told.scheduler.set("a", START + SECOND)
    told.scheduler.set("c", START + 9 * SECOND)
    assert told.at(0) == []
    assert told.at(5) == ["a", "b"]
    assert told.at(6) == []
    assert told.at(9) == ["c"]
    assert len(told.scheduler) == 0


def test_only_the_last_time_set_counts() -> None:
    told = Told()
    told.scheduler.set("sooner", START + 9 * SECOND)
    told.scheduler.set("sooner", START + 2 * SECOND)
    told.scheduler.set("later", START + 2 * SECOND)
    told.scheduler.set("later", START + 9 * SECOND)
    told.scheduler.set("never", START + SECOND)
    told.scheduler.set("never", None)
    assert len(told.scheduler) == 2
    assert told.at(3) == ["sooner"]
    assert told.at(9) == ["later"]


def test_it_answers_when_the_next_one_comes() -> None:
    told = Told()
    assert told.scheduler.take_due(told.take) is None
    told.scheduler.set("gone", START + SECOND)
    told.scheduler.set("a", START + 9 * SECOND)
    told.scheduler.discard("gone")
    assert told.scheduler.take_due(told.take) == START + 9 * SECOND


def test_a_clock_that_jumps_ahead_brings_everything_at_once() -> None:
    told = Told()
    for number in range(5):
        told.scheduler.set(str(number), START + number * timedelta(hours=1))
    assert told.at(10 * 3600) == ["0", "1", "2", "3", "4"]


def test_a_clock_that_is_put_right_by_a_little_brings_nothing_early_and_nothing_twice() -> None:
    told = Told()
    told.scheduler.set("a", START + 10 * SECOND)
    told.scheduler.set("b", START + 20 * SECOND)
    assert told.at(10) == ["a"]
    assert told.at(-30) == []
    assert told.at(19) == []
    assert told.at(20) == ["b"]


def test_a_clock_that_jumps_back_brings_everything_once_to_be_looked_at_anew() -> None:
    # What was scheduled by a clock that went a day ahead would else wait for a day.
    told = Told()
    told.scheduler.set("a", START + 10 * SECOND)
    told.scheduler.set("b", START + 20 * SECOND)
    assert told.at(-3600) == ["a", "b"]
    assert told.at(30) == []


def test_a_key_may_be_set_again_while_it_is_handed_out() -> None:
    told = Told()

    def take(key: str, when: datetime) -> None:
        told.keys.append(key)
        scheduler.set(key, when + 5 * SECOND)

    scheduler: Scheduler[str] = Scheduler(lambda: told.time)
    scheduler.set("a", START)
    told.time = START + SECOND
    assert scheduler.take_due(take) == START + 5 * SECOND
    assert told.keys == ["a"]


def test_its_age_tells_how_long_ago_it_looked() -> None:
    told = Told()
    told.seconds += 30
    assert told.scheduler.age == 30 * SECOND
    told.time += timedelta(hours=1)  # the machine was suspended
    assert told.scheduler.age == 30 * SECOND
    told.scheduler.take_due(told.take)
    assert told.scheduler.age == timedelta(0)


@given(
    sets=st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 100)), max_size=40),
    clock=st.lists(st.integers(-20, 35), max_size=20),
)
def test_every_key_is_handed_out_once_at_or_after_its_last_time(
    sets: list[tuple[str, int | None]], clock: list[int]
) -> None:
    told = Told()
    expected: dict[str, int] = {}
    for key, when in sets:
        told.scheduler.set(key, None if when is None else START + when * SECOND)
        expected.pop(key, None)
        if when is not None:
            expected[key] = when
    for seconds in [*clock, 1000]:
        due = sorted(key for key, when in expected.items() if when <= seconds)
        assert sorted(told.at(seconds)) == due
        for key in due:
            del expected[key]
    assert not expected


def test_while_it_runs_a_new_earlier_time_wakes_it() -> None:
    async def story() -> None:
        told = Told()
        task = asyncio.create_task(told.scheduler.run(told.take))
        told.scheduler.set("late", START + timedelta(hours=1))
        await asyncio.sleep(0)
        told.scheduler.set("now", START)
        for _ in range(5):
            await asyncio.sleep(0)
        assert told.keys == ["now"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


def test_a_cancellation_ends_it_even_together_with_a_new_time() -> None:
    # asyncio.wait_for of Python 3.11 swallowed such a cancellation, and the process never ended.
    async def story() -> None:
        told = Told()
        for _ in range(3):
            task = asyncio.create_task(told.scheduler.run(told.take))
            for _ in range(3):
                await asyncio.sleep(0)
            told.scheduler.set("a", told.time - SECOND)
            await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=30)
            assert done

    asyncio.run(story())
