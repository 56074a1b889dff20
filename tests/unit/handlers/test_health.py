"""What the probes are told of a process that works, of one that stands by, and of one that stands still."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from esc_operator.errors import ConfigurationError
from esc_operator.handlers.health import IDLE, SILENCE, Health, Watched, serve_health
from local_cluster.ports import free_ports
from unit.election.lease_server import TERMS, LeaseServer, Line, candidate, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def watched(elector: Any = None, *, beat: float = 1.0, idle: float = 1.0) -> Watched:
    return Watched(lambda: timedelta(seconds=beat), lambda: ("secrets", idle), elector)


def test_one_that_works_is_alive_and_ready_and_one_that_has_yet_to_list_is_only_alive() -> None:
    one = watched()
    assert one.is_alive().is_well
    assert not one.is_ready().is_well
    one.works = True
    assert one.is_alive().is_well
    assert one.is_ready().is_well


@pytest.mark.parametrize(
    ("stands_still", "told", "at_start"),
    [
        # Until it works nothing is scheduled; but it lists.
        ({"beat": SILENCE + 1}, "the schedule", True),
        ({"idle": IDLE + 1}, "the watch of secrets has been inactive", False),
    ],
)
def test_one_that_stands_still_is_neither(stands_still: dict[str, float], told: str, at_start: bool) -> None:
    one = watched(**stands_still)
    assert one.is_alive().is_well is at_start
    one.works = True
    assert not one.is_alive().is_well
    assert not one.is_ready().is_well
    assert told in one.is_alive().text


def test_one_that_stands_by_is_ready_to_take_over_once_it_knows_of_the_lease() -> None:
    async def story() -> None:
        server = LeaseServer()
        await candidate(Line(server), "a").acquire()
        b = candidate(Line(server), "b")
        one = watched(b, beat=SILENCE + 1)
        assert one.is_alive().is_well
        assert not one.is_ready().is_well
        waiting = asyncio.create_task(b.acquire())
        await asyncio.sleep(1)
        assert one.is_alive().role == "standing by"
        assert one.is_ready().is_well
        waiting.cancel()
        await asyncio.sleep(SILENCE + 1)
        assert not one.is_alive().is_well
        assert not one.is_ready().is_well

    simulate(story)


def test_one_that_stands_by_and_cannot_look_at_the_lease_is_alive_and_not_ready_and_says_why() -> None:
    async def story() -> None:
        server = LeaseServer()
        line, a = Line(server), candidate(Line(server), "a")
        await a.acquire()
        keeping = asyncio.create_task(a.keep())
        b = candidate(line, "b")
        one = watched(b)
        waiting = asyncio.create_task(b.acquire())
        await asyncio.sleep(1)
        line.away = True
        await asyncio.sleep(TERMS.duration - 1)
        assert one.is_ready().is_well
        await asyncio.sleep(2)
        assert one.is_alive().is_well
        assert one.is_ready() == Health(False, "standing by", "could not read the lease for 13s: away")
        line.away = False
        await asyncio.sleep(1)
        assert one.is_ready().is_well
        assert one.is_ready().role == "standing by"
        waiting.cancel()
        keeping.cancel()

    simulate(story)


def test_a_kind_that_is_not_served_is_reported_and_no_reason_not_to_be_ready() -> None:
    one = Watched(lambda: timedelta(seconds=1), lambda: ("secrets", 1), None, lambda: ["EscRotation"])
    one.works = True
    assert one.is_ready() == Health(True, "leading", "ran the schedule 1s ago; EscRotation is not served")


def test_an_api_server_that_is_away_ends_nobody() -> None:
    async def story() -> None:
        server = LeaseServer()
        line = Line(server)
        await candidate(Line(server), "a").acquire()
        b = candidate(line, "b")
        waiting = asyncio.create_task(b.acquire())
        await asyncio.sleep(1)
        line.away = True
        for _ in range(30):
            await asyncio.sleep(20)
            assert watched(b).is_alive().is_well
        waiting.cancel()

    simulate(story)


def ask(one: Watched, story: Callable[[aiohttp.ClientSession, str], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        port = free_ports(1)[0]
        async with serve_health(f"127.0.0.1:{port}", one), aiohttp.ClientSession() as session:
            await story(session, f"http://127.0.0.1:{port}")

    asyncio.run(run())


def test_each_path_answers_for_itself_and_keeps_no_connection() -> None:
    async def story(session: aiohttp.ClientSession, url: str) -> None:
        for path, status in (("/healthz", 200), ("/readyz", 503), ("/", 404)):
            async with session.get(url + path) as answer:
                assert answer.status == status
                assert answer.headers["Connection"] == "close"
        async with session.get(url + "/healthz") as answer:
            assert json.loads(await answer.text()) == {"role": "leading", "state": "starting"}

    ask(watched(), story)


def test_a_port_that_is_taken_is_reported_before_any_work() -> None:
    async def story(_: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(ConfigurationError, match="cannot answer probes on"):
            async with serve_health(url.removeprefix("http://"), watched()):
                pass

    ask(watched(), story)


@pytest.mark.parametrize("address", ["here", "0.0.0.0:", "0.0.0.0:http"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    async def run() -> None:
        async with serve_health(address, watched()):
            pass

    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        asyncio.run(run())


def test_nowhere_is_an_address_too() -> None:
    async def run() -> None:
        async with serve_health("", watched()):
            pass

    asyncio.run(run())
