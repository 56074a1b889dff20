"""Who waits for a place goes by its deadline, what is new first, and nobody for ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.line import DEADLINE_SHARE, Line

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def order_of(waiting: Iterable[int | None], places: int = 1, gone: frozenset[int] = frozenset()) -> list[int | None]:
    """In which order those get their places that wait with these deadlines, in minutes; those in `gone` give up."""
    served: list[int | None] = []

    async def story() -> None:
        line = Line(places)
        for _ in range(places):
            await line.enter(None)

        async def wait(minutes: int | None) -> None:
            await line.enter(None if minutes is None else START + timedelta(minutes=minutes))
            served.append(minutes)
            await asyncio.sleep(0)
            line.leave()

        tasks = [asyncio.create_task(wait(minutes)) for minutes in waiting]
        await asyncio.sleep(0)
        for number in gone:
            tasks[number].cancel()
        for _ in range(places):
            line.leave()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Every place is free again.
        async with asyncio.timeout(1):
            for _ in range(places):
                await line.enter(None)

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
        line = Line(1)
        await line.enter(None)
        first, second = (asyncio.create_task(line.enter(START)) for _ in range(2))
        await asyncio.sleep(0)
        line.leave()
        first.cancel()
        async with asyncio.timeout(1):
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
