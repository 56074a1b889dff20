"""Connections are kept for a few seconds: for the same namespace and origin alone, checked anew, few, and for one
request at a time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.host_connections import HostConnections, Route
from esc_operator.driver.networks import Fence, parse_origin
from esc_operator.driver.outbound import Outbound
from esc_operator.errors import ProviderError
from esc_operator.providers.port import HttpRequest
from unit.driver.test_outbound import ANY, OK, leads_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.time = 0.0
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._waiting.append((self.time + seconds, event))
        await event.wait()

    async def move(self, seconds: float) -> None:
        self.time += seconds
        for until, event in self._waiting:
            if until <= self.time:
                event.set()
        self._waiting = [one for one in self._waiting if one[0] > self.time]
        await settle()


async def settle() -> None:
    """Let both ends of the connections do what they can do by now."""
    for _ in range(20):
        await asyncio.sleep(0.001)


class KeepingServer:
    """Keeps its connections. `used`: how many requests came over each; `open`: how many there are; `methods`: of all
    requests. `hangs_up_at`: the request of a connection that it reads and does not answer; `says`: a header line."""

    def __init__(self) -> None:
        self.port = 0
        self.used: list[int] = []
        self.methods: list[bytes] = []
        self.open = 0
        self.hangs_up_at = 0
        self.answers = OK
        self.answers_now = asyncio.Event()
        self.answers_now.set()
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.used)
        self.used.append(0)
        self.writers.append(writer)
        self.open += 1
        try:
            while True:
                self.methods.append((await reader.readuntil(b"\r\n\r\n")).split(b" ", 1)[0])
                self.used[number] += 1
                await self.answers_now.wait()
                if self.used[number] == self.hangs_up_at:
                    break
                writer.write(self.answers)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has gone
        finally:
            self.open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()
        await settle()


@contextlib.asynccontextmanager
async def keeping() -> AsyncIterator[KeepingServer]:
    here, tasks = KeepingServer(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await here.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class World:
    """One server, and the connections of one process to it."""

    def __init__(self, server: KeepingServer, **limits: Any) -> None:
        self.server = server
        self.clock = Clock()
        self.connections = HostConnections(now=self.clock.now, sleep=self.clock.sleep, **limits)
        self.addresses = ["127.0.0.1"]

    async def ask(self, host: str = "a.example", *, tenant: str = "red", method: str = "GET", **more: Any) -> None:
        async def resolve(name: str, port: int) -> list[str]:
            return [*self.addresses]

        fence = more.pop("fence", ANY)
        sender = Outbound(fence, {}, resolve, tenant=tenant, connections=self.connections, **more)
        await sender.send(HttpRequest(method, f"http://{host}:{self.server.port}/"))


@contextlib.asynccontextmanager
async def world(**limits: Any) -> AsyncIterator[World]:
    async with keeping() as server:
        here = World(server, **limits)
        yield here
        await here.clock.move(1000)
        assert (here.connections.unused, server.open) == (0, 0)


def test_the_next_request_to_the_same_origin_uses_the_connection() -> None:
    async def run() -> None:
        async with world() as here:
            for host in ("a.example", "a.example", "b.example", "a.example"):
                await here.ask(host)
            assert here.server.used == [3, 1]

    asyncio.run(run())


def test_namespaces_share_no_connection() -> None:
    async def run() -> None:
        async with world() as here:
            for tenant in ("red", "blue", "red", "blue", ""):
                await here.ask(tenant=tenant)
            assert here.server.used == [2, 2, 1]

    asyncio.run(run())


def test_a_connection_carries_one_request_at_a_time() -> None:
    async def run() -> None:
        async with world() as here:
            here.server.answers_now.clear()
            asking = [asyncio.create_task(here.ask()) for _ in range(3)]
            await settle()
            here.server.answers_now.set()
            await asyncio.gather(*asking)
            await here.ask()
            assert sorted(here.server.used) == [1, 1, 2]

    asyncio.run(run())


def test_what_is_not_used_is_closed_in_time_and_nothing_is_left_over_the_hours() -> None:
    async def run() -> None:
        async with world(seconds=3.0) as here:
            for hour in range(50):
                await here.ask(tenant=f"team-{hour % 7}")
                await here.ask(tenant=f"team-{hour % 7}")
                await here.clock.move(2.9)
                assert here.server.open == here.connections.unused == 1
                await here.clock.move(0.2)
                assert here.server.open == here.connections.unused == 0
            assert here.server.used == [2] * 50
            assert len(asyncio.all_tasks()) <= 2, "this one, and the server's"

    asyncio.run(run())


def test_a_request_makes_the_time_begin_anew() -> None:
    async def run() -> None:
        async with world(seconds=3.0) as here:
            for _ in range(4):
                await here.ask()
                await here.clock.move(2.0)
            assert here.server.used == [4]

    asyncio.run(run())


def test_a_namespace_keeps_so_many_and_a_crowd_displaces_nobody_elses() -> None:
    async def at_once(here: World, tenant: str, many: int) -> None:
        here.server.answers_now.clear()
        asking = [asyncio.create_task(here.ask(tenant=tenant)) for _ in range(many)]
        await settle()
        here.server.answers_now.set()
        await asyncio.gather(*asking)
        await settle()

    async def run() -> None:
        async with world(most_of_one=3, most=4) as here:
            await at_once(here, "red", 8)
            assert here.connections.unused == here.server.open == 3
            for tenant in ("blue", "green"):
                await here.ask(tenant=tenant)
            await settle()
            assert here.connections.unused == here.server.open == 4
            before = len(here.server.used)
            for tenant in ("blue", "green", "red"):
                await here.ask(tenant=tenant)
            assert len(here.server.used) == before, "red gave up the one that was too many"

    asyncio.run(run())


def test_an_origin_that_is_no_longer_allowed_is_refused_while_its_connection_is_kept() -> None:
    async def run() -> None:
        async with world() as here:
            await here.ask()
            with pytest.raises(ProviderError) as refused:
                await here.ask(fence=Fence())
            assert refused.value.reason == "URLNotAllowed"
            here.addresses = ["127.0.0.1", "10.0.0.1"]
            https = Fence(urls=("http://**.other",))
            with pytest.raises(ProviderError, match="is not allowed"):
                await here.ask(fence=https)
            assert here.server.used == [1]

    asyncio.run(run())


def test_an_address_that_the_name_has_no_longer_is_left_at_once() -> None:
    async def run() -> None:
        async with world() as here:
            await here.ask()
            here.addresses = ["127.0.0.2"]  # where nobody listens
            with pytest.raises(ProviderError, match="cannot be reached"):
                await here.ask()
            await settle()
            assert (here.server.used, here.server.open, here.connections.unused) == ([1], 0, 0)

    asyncio.run(run())


def test_addresses_that_come_in_turns_do_not_cost_the_connection() -> None:
    async def run() -> None:
        async with world() as here:
            for addresses in (["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]):
                here.addresses = addresses
                await here.ask()
            assert here.server.used == [2]

    asyncio.run(run())


def test_a_connection_that_the_server_ended_meanwhile_is_not_used() -> None:
    async def run() -> None:
        async with world() as here:
            for _ in range(2):
                await here.ask(method="POST")
                await here.server.hang_up()
            assert here.server.used == [1, 1]

    asyncio.run(run())


def test_a_connection_whose_end_the_server_announces_is_not_kept() -> None:
    async def run() -> None:
        async with world() as here:
            here.server.answers = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            for _ in range(2):
                await here.ask(method="POST")
                await settle()
                assert here.server.open == 0
            assert here.server.used == [1, 1]

    asyncio.run(run())


def test_a_post_that_the_server_may_have_read_is_not_sent_again() -> None:
    async def run() -> None:
        async with world() as here:
            here.server.hangs_up_at = 2
            await here.ask(method="POST")
            with pytest.raises(ProviderError) as failed:
                await here.ask(method="POST")
            assert failed.value.reason == "AnswerCutOff"
            assert (here.server.used, here.server.methods) == ([2], [b"POST"] * 2)
            assert here.connections.unused == 0
            await here.ask(method="POST")
            assert here.server.used == [2, 1]

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", OK.replace(b"2", b"9999999", 1)]
)
def test_a_connection_on_which_anything_failed_is_closed(answer: bytes) -> None:
    async def run() -> None:
        async with world() as here:
            here.server.answers = answer
            with pytest.raises(ProviderError):
                await here.ask(seconds=0.2)
            await settle()
            assert (here.connections.unused, here.server.open) == (0, 0)

    asyncio.run(run())


def test_a_caller_that_gives_up_leaves_no_connection() -> None:
    async def run() -> None:
        async with world() as here:
            here.server.answers_now.clear()
            asking = asyncio.create_task(here.ask())
            await settle()
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            here.server.answers_now.set()
            await settle()
            assert (here.connections.unused, here.server.open) == (0, 0)

    asyncio.run(run())


def test_kept_connections_end_with_the_event_loop_and_serve_another_one() -> None:
    connections = HostConnections()

    async def ask() -> None:
        async with keeping() as server:
            sender = Outbound(ANY, {}, leads_to("127.0.0.1"), connections=connections)
            await sender.send(HttpRequest("GET", f"http://a.example:{server.port}/"))
            assert connections.unused == 1

    for _ in range(2):
        asyncio.run(ask())
        assert connections.unused == 0
    gc.collect()  # a socket that was left open would warn


def test_at_a_terminal_the_requests_of_one_run_share_theirs() -> None:
    async def run() -> None:
        async with keeping() as server:
            sender = Outbound(None, {})
            for method in ("POST", "GET", "GET"):
                await sender.send(HttpRequest(method, f"http://localhost:{server.port}/"))
            assert server.used == [3]

    asyncio.run(run())


def test_what_ends_them_counts_for_no_evaluation() -> None:
    evaluated = ContextVar("evaluated", default="nothing")
    seen = []

    async def sleep(seconds: float) -> None:
        seen.append(evaluated.get())
        await asyncio.Event().wait()

    async def run() -> None:
        evaluated.set("red/one")
        async with keeping() as server:
            sender = Outbound(ANY, {}, leads_to("127.0.0.1"), connections=HostConnections(sleep=sleep))
            await sender.send(HttpRequest("GET", f"http://a.example:{server.port}/"))
            await settle()

    asyncio.run(run())
    assert seen == ["nothing"]


def test_a_route_shows_no_password_of_a_proxy() -> None:
    route = Route("red", parse_origin("https://a.example"), "http://me:hunter2@proxy:8080")
    assert "hunter2" not in repr(route)
