"""A list that is coming in goes ahead of the work on it, though not for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from esc_operator.reconciliation.workqueue.list_barrier import LONGEST_SECONDS, QUIET_SECONDS, ListBarrier

if TYPE_CHECKING:
    from collections.abc import Iterable


class Listing:
    """A clock that moves by pauses; objects come in at those times."""

    def __init__(self, times: Iterable[float]) -> None:
        self.time = 0.0
        self._times = sorted(times)
        self._barrier = ListBarrier(lambda: self.time, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        until = self.time + seconds
        while self._times and self._times[0] <= until:
            self.time = self._times.pop(0)
            self._barrier.note()
        self.time = until

    def waits(self) -> float:
        asyncio.run(self._wait())
        return self.time

    async def _wait(self) -> None:
        await self._pause(0)
        await self._barrier.wait()


def test_without_a_list_nothing_is_waited_for() -> None:
    assert Listing([]).waits() == 0


def test_a_list_comes_in_before_it_is_worked_on() -> None:
    assert Listing(number / 100 for number in range(300)).waits() == pytest.approx(3 + QUIET_SECONDS, abs=QUIET_SECONDS)


def test_what_comes_in_without_an_end_does_not_keep_work_waiting() -> None:
    assert Listing(number / 100 for number in range(20_000)).waits() == pytest.approx(
        LONGEST_SECONDS, abs=2 * QUIET_SECONDS
    )


def test_a_list_that_comes_later_is_waited_for_as_well() -> None:
    listing = Listing([0, 500, 500.05, 500.1])
    assert listing.waits() <= 2 * QUIET_SECONDS
    asyncio.run(listing._pause(500.12 - listing.time))
    assert listing.waits() > 500.12
