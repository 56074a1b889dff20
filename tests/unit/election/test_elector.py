"""Candidates for one lease, in simulated time: one leads, and another one as soon as that is safe."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.election.lease_server import FOR_EVER, TERMS, Clocks, LeaseServer, Line, Trip, candidate, simulate, time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.election.elector import Elector

HANGS = Trip(there=FOR_EVER)
FAILS = Trip(fails=True)


def trips(line: Line, *planned: Trip) -> None:
    """So the next requests fare, and all others well."""
    left = list(planned)
    line.trip = lambda: left.pop(0) if left else Trip()


def test_the_first_one_leads_at_once_and_renews() -> None:
    async def story() -> None:
        server = LeaseServer()
        line = Line(server)
        a = candidate(line, "a")
        await a.acquire()
        assert a.holds
        assert time() < 0.1
        keeping = asyncio.create_task(a.keep())
        for _ in range(50):
            await asyncio.sleep(1)
            assert a.holds
        assert 20 <= line.requests.count("patch") <= 26
        assert not keeping.done()

    simulate(story)


def test_another_takes_over_from_one_that_died_when_its_time_is_over_and_not_before() -> None:
    async def story() -> None:
        server = LeaseServer()
        a, b = candidate(Line(server), "a"), candidate(Line(server), "b", Clocks(offset=-5000))
        await a.acquire()
        taking = asyncio.create_task(b.acquire())
        keeping = asyncio.create_task(a.keep())
        await asyncio.sleep(31)
        keeping.cancel()  # it dies
        died = time()
        await taking
        assert TERMS.duration - TERMS.renew_every < time() - died < TERMS.duration + 1
        assert not a.holds
        assert b.holds
        assert server.holders == ["a", "b"]

    simulate(story)


def test_what_was_given_back_is_taken_at_once() -> None:
    async def story() -> None:
        server = LeaseServer()
        a, b = candidate(Line(server), "a"), candidate(Line(server), "b")
        await a.acquire()
        taking = asyncio.create_task(b.acquire())
        await asyncio.sleep(3)
        await a.release()
        assert not a.holds
        released = time()
        await taking
        assert time() - released < 0.6

    simulate(story)


def test_one_that_comes_back_under_the_same_name_of_a_pod_waits_like_any_other() -> None:
    async def story() -> None:
        server = LeaseServer()
        await candidate(Line(server), "pod_1").acquire()
        again = candidate(Line(server), "pod_2")
        await again.acquire()
        assert TERMS.duration < time() < TERMS.duration + 1

    simulate(story)


@pytest.mark.parametrize("lost", [FAILS, Trip(back=FOR_EVER)], ids=["an error", "no answer"])
def test_a_claim_whose_answer_is_lost_is_made_again(lost: Trip) -> None:
    async def story() -> None:
        line = Line(LeaseServer())
        trips(line, Trip(), lost)
        a = candidate(line, "a")
        await a.acquire()
        assert a.holds
        assert time() < TERMS.patience + 1

    simulate(story)


@pytest.mark.parametrize("lost", [FAILS, HANGS, Trip(back=FOR_EVER), Trip(there=4.0)])
def test_one_renewal_that_goes_wrong_costs_nothing(lost: Trip) -> None:
    async def story() -> None:
        line = Line(LeaseServer())
        a = candidate(line, "a")
        await a.acquire()
        trips(line, lost)
        keeping = asyncio.create_task(a.keep())
        for _ in range(300):
            await asyncio.sleep(0.1)
            assert a.holds
        assert not keeping.done()

    simulate(story)


def test_one_that_cannot_renew_ends_at_its_deadline() -> None:
    async def story() -> None:
        line = Line(LeaseServer())
        a = candidate(line, "a")
        await a.acquire()
        line.trip = lambda: HANGS
        assert await a.keep() == "it could not be renewed for 8 s"
        assert not a.holds
        assert time() == pytest.approx(TERMS.deadline, abs=0.6)

    simulate(story)


def test_one_whose_lease_another_has_taken_ends_at_once() -> None:
    async def story() -> None:
        server = LeaseServer()
        a = candidate(Line(server), "a")
        await a.acquire()
        assert server.body is not None
        server.patch({"metadata": server.body["metadata"], "spec": {"holderIdentity": "b"}})
        assert await a.keep() == "b has taken or deleted it"
        assert not a.holds

    simulate(story)


def test_one_whose_lease_was_deleted_ends_and_does_not_make_it_anew() -> None:
    async def story() -> None:
        server = LeaseServer()
        line = Line(server)
        a = candidate(line, "a")
        await a.acquire()
        server.body = None
        assert await a.keep() == "another process has taken or deleted it"
        assert line.requests.count("create") == 1

    simulate(story)


def test_somebody_elses_change_of_the_lease_does_not_end_the_leader() -> None:
    async def story() -> None:
        server = LeaseServer()
        a = candidate(Line(server), "a")
        await a.acquire()
        keeping = asyncio.create_task(a.keep())
        await asyncio.sleep(3)
        assert server.body is not None
        server.patch({"metadata": server.body["metadata"], "spec": {"strategy": "x"}})
        await asyncio.sleep(20)
        assert a.holds
        assert not keeping.done()

    simulate(story)


def test_a_candidate_that_is_asked_to_stop_while_it_claims_leaves_nothing_behind() -> None:
    async def story() -> None:
        server = LeaseServer()
        line = Line(server)
        trips(line, Trip(), Trip(back=2.0))
        a = candidate(line, "a")
        claiming = asyncio.create_task(a.acquire())
        await asyncio.sleep(1)
        claiming.cancel()
        await a.release()
        assert server.body is not None
        assert "holderIdentity" not in server.body["spec"]

    simulate(story)


def test_one_that_never_claimed_gives_nothing_back() -> None:
    async def story() -> None:
        server = LeaseServer()
        await candidate(Line(server), "a").acquire()
        line = Line(server)
        b = candidate(line, "b")
        waiting = asyncio.create_task(b.acquire())
        await asyncio.sleep(1)
        waiting.cancel()
        before = list(line.requests)
        await b.release()
        assert line.requests == before
        assert b.leader == "a"

    simulate(story)


def test_trouble_and_waiting_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        server = LeaseServer()
        await candidate(Line(server), "a").acquire()
        line = Line(server)
        b = candidate(line, "b")
        waiting = asyncio.create_task(b.acquire())
        await asyncio.sleep(4)
        line.trip = lambda: FAILS
        await asyncio.sleep(4)
        waiting.cancel()

    with caplog.at_level("INFO"):
        simulate(story)
    told = [record.message for record in caplog.records if "esc-system/esc-operator" in record.message]
    assert told == [
        "a leads: it holds the lease esc-system/esc-operator",
        "b stands by: a holds the lease esc-system/esc-operator",
        "The lease esc-system/esc-operator: no answer",
    ]


# Whatever happens.


class Replica:
    """A process that is started again and again, on a machine whose clocks are wrong.

    It may write at most until `may_write_until`: by then it has released the lease, has ended, or was ended by the
    kernel, however long it was stopped.
    """

    def __init__(self, name: str, server: LeaseServer, chance: random.Random, speed: float) -> None:
        self._name = name
        self._server = server
        self._chance = chance
        self._clocks = Clocks(offset=chance.uniform(-1e6, 1e6), speed=speed)
        self.elector: Elector | None = None
        self.may_write_until = -FOR_EVER
        self.others: list[Replica] = []
        self.terms_held = 0

    async def live(self) -> None:
        for life in range(1000):
            self.elector = candidate(
                Line(self._server, self._trip),
                f"{self._name}{life}",
                self._clocks,
                on_held=self._on_held,
                pause=self._pause,
            )
            await self._one_life(self.elector)
            self.may_write_until = -FOR_EVER  # it is dead
            await asyncio.sleep(self._chance.choice([0.0, 0.5, 20.0]))

    async def _one_life(self, elector: Elector) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._chance.uniform(5, 400)):  # then it is killed
                await elector.acquire()
                keeping = asyncio.create_task(elector.keep())
                try:
                    await asyncio.wait([keeping], timeout=self._chance.choice([1.0, 10.0, 300.0]))
                finally:
                    has_ended = not keeping.cancel()
                if not has_ended:
                    self.may_write_until = -FOR_EVER  # it was asked to end, and its work has
                    await elector.release()

    def _on_held(self, left: float | None) -> None:
        if left is None:
            self.may_write_until = -FOR_EVER
            return
        self.may_write_until = time() + left / self._clocks.speed
        self.terms_held += 1
        for other in self.others:
            assert other.elector is None or not other.elector.holds, "two believe to lead"
            assert other.may_write_until < time(), "one may write after another has taken over"

    async def _pause(self, seconds: float) -> None:
        """Now and then the process is stopped for a while."""
        stopped = self._chance.choice([0.0] * 20 + [3.0, 9.0, 30.0])
        await asyncio.sleep(seconds + stopped)

    def _trip(self) -> Trip:
        there, back = (self._chance.choice([0.001] * 6 + [0.05, 0.3, 2.9]) for _ in "ab")
        kind = self._chance.random()
        if kind < 0.06:
            return Trip(there=self._chance.uniform(3, 60))  # it takes effect long after it was given up
        if kind < 0.12:
            return Trip(there, back=FOR_EVER)
        return Trip(there, back, fails=kind < 0.2)


def replicas(seed: int, count: int) -> Iterator[Replica]:
    chance, server = random.Random(seed), LeaseServer()
    # A fast clock is a fifth faster than a slow one.
    made = [Replica(name, server, chance, chance.choice([0.91, 1.09])) for name in "abc"[:count]]
    for one in made:
        one.others = [other for other in made if other is not one]
        yield one


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 3))
def test_at_no_time_two_lead_whatever_is_delayed_lost_or_stopped(seed: int, count: int) -> None:
    async def story() -> None:
        made = list(replicas(seed, count))
        lives = [asyncio.create_task(one.live()) for one in made]
        done, _ = await asyncio.wait(lives, timeout=500)
        for life in done:
            life.result()
        assert sum(one.terms_held for one in made) > 25  # and most of the time somebody does

    simulate(story)
