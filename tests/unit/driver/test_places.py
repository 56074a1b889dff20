"""Namespaces go by turns; within one, who waits goes by its deadline, what is new first, and nobody for ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.deadline_queue import DEADLINE_SHARE
from esc_operator.driver.places import SHARE, Pace, Places
from esc_operator.driver.rate import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def order_of(waiting: Iterable[int | None], places: int = 1, gone: frozenset[int] = frozenset()) -> list[int | None]:
    """In which order those get their places that wait with these deadlines, in minutes; those in `gone` give up."""
    served: list[int | None] = []

    async def story() -> None:
        line = Places(places)
        for number in range(places):
            await line.enter(f"holder-{number}")

        async def wait(minutes: int | None) -> None:
            await line.enter("apps", None if minutes is None else START + timedelta(minutes=minutes))
            served.append(minutes)
            await asyncio.sleep(0)
            line.leave("apps")

        tasks = [asyncio.create_task(wait(minutes)) for minutes in waiting]
        await asyncio.sleep(0)
        for number in gone:
            tasks[number].cancel()
        for number in range(places):
            line.leave(f"holder-{number}")
        await asyncio.gather(*tasks, return_exceptions=True)
        # Every place is free again.
        async with asyncio.timeout(30):
            for number in range(places):
                await line.enter(f"holder-{number}")

    asyncio.run(story())
    return served


def test_the_earliest_deadline_goes_first() -> None:
    assert order_of([30, 10, 20]) == [10, 20, 30]


def test_what_is_new_goes_ahead_in_its_own_order_and_holds_nobody_up_for_ever() -> None:
    served = order_of([10, *[None] * 8])
    assert served.index(10) == DEADLINE_SHARE - 1


def test_who_gives_up_takes_no_place_with_it() -> None:
    assert order_of([30, 10, 20], gone=frozenset({1})) == [20, 30]


def test_who_gives_up_at_the_moment_of_its_turn_passes_it_on() -> None:
    async def story() -> None:
        line = Places(1)
        await line.enter("apps")
        first, second = (asyncio.create_task(line.enter("apps", START)) for _ in range(2))
        await asyncio.sleep(0)
        line.leave("apps")
        first.cancel()
        async with asyncio.timeout(30):
            await second

    asyncio.run(story())


@given(
    st.lists(st.none() | st.integers(0, 60), max_size=12),
    st.integers(1, 4),
    st.sets(st.integers(0, 11)),
)
def test_everybody_who_stays_is_served(waiting: list[int | None], places: int, gone: set[int]) -> None:
    given_up = frozenset(number for number in gone if number < len(waiting))
    stayed = [minutes for number, minutes in enumerate(waiting) if number not in given_up]
    assert sorted(order_of(waiting, places, given_up), key=str) == sorted(stayed, key=str)


# Among namespaces.


async def wait_for(line: Places, tenant: str, served: list[str]) -> None:
    await line.enter(tenant)
    served.append(tenant)


def test_namespaces_go_by_turns_however_much_one_of_them_asks_for() -> None:
    async def story() -> list[str]:
        line, served = Places(1), list[str]()
        await line.enter("first")
        tasks = [asyncio.create_task(wait_for(line, "red", served)) for _ in range(1000)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(wait_for(line, tenant, served)) for tenant in ("blue", "green", "blue")]
        await asyncio.sleep(0)
        holder = "first"
        for _ in range(7):
            line.leave(holder)
            await asyncio.sleep(0)
            holder = served[-1]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return served

    assert asyncio.run(story()) == ["red", "blue", "green", "red", "blue", "red", "red"]


@given(st.integers(2, 64), st.integers(1, 6))
def test_however_many_namespaces_hold_what_they_can_for_ever_the_next_has_a_place(places: int, greedy: int) -> None:
    async def story() -> None:
        line, served = Places(places), list[str]()
        tasks = [
            asyncio.create_task(wait_for(line, f"red-{number % greedy}", served)) for number in range(places * greedy)
        ]
        await asyncio.sleep(0)
        held = [served.count(f"red-{number}") for number in range(greedy)]
        free = places - sum(held)
        assert all(one <= SHARE * (free + 1) for one in held if one > 1)
        assert max(held) - min(held) <= 1
        if places > SHARE * greedy + 1:
            async with asyncio.timeout(30):
                await line.enter("blue")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(story())


def test_one_alone_has_three_quarters_of_the_places_and_all_of_them_come_back() -> None:
    async def story() -> None:
        line, served = Places(32), list[str]()
        tasks = [asyncio.create_task(wait_for(line, "red", served)) for _ in range(100)]
        await asyncio.sleep(0)
        assert len(served) == 24
        for _ in range(100):
            line.leave("red")
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert (line._free, len(line._tenants)) == (32, 0)

    asyncio.run(story())


def test_whoever_waits_for_a_token_holds_nothing_and_a_turn_that_was_not_used_is_the_next_ones() -> None:
    async def story() -> None:
        slept, served = asyncio.Event(), list[str]()

        async def sleep(_: float) -> None:
            await slept.wait()
            slept.clear()

        line = Places(8, Pace(TokenBucket(1, 1), lambda: START, sleep))
        tasks = [asyncio.create_task(wait_for(line, tenant, served)) for tenant in ["red"] * 5 + ["blue"]]
        await asyncio.sleep(0)
        assert (served, line._free) == (["red"], 7)
        slept.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert served == ["red", "red"]
        slept.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert served == ["red", "red", "blue"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(story())


STEPS = st.tuples(st.sampled_from(["enter", "leave", "cancel"]), st.sampled_from("abc"), st.integers(0, 9))


@given(st.lists(STEPS, max_size=80), st.integers(1, 5))
def test_whatever_happens_no_place_is_lost_and_nobody_is_forgotten(
    steps: list[tuple[str, str, int]], places: int
) -> None:
    async def story() -> None:
        line, served, tasks = Places(places), list[str](), list[asyncio.Task[None]]()
        for act, tenant, which in steps:
            if act == "enter":
                tasks.append(asyncio.create_task(wait_for(line, tenant, served)))
            elif act == "leave" and served:
                line.leave(served.pop(which % len(served)))
            elif act == "cancel" and tasks:
                tasks.pop(which % len(tasks)).cancel()
            await asyncio.sleep(0)
            assert len(served) <= places
        for _ in range(len(tasks) + places + 1):
            await asyncio.sleep(0)
            if served:
                line.leave(served.pop())
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks)
        while served:
            line.leave(served.pop())
        assert (line._free, len(line._tenants)) == (places, 0)

    asyncio.run(story())
