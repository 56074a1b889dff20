"""kopf's own watch, on a loopback API server: what it does and hears is told, whatever becomes of the server."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any

import kopf
import pytest
from aiohttp import web

from esc_operator.handlers.session import open_session
from esc_operator.handlers.watching import Backoffs, make_settings
from esc_operator.kube.pulses import Pulses
from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MINUTE = 60.0


def group(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "versions": [{"version": version}], "preferredVersion": {"version": version}}


def kind(plural: str, *, namespaced: bool) -> dict[str, Any]:
    verbs = ["list", "watch"]
    return {"name": plural, "singularName": plural, "kind": plural, "namespaced": namespaced, "verbs": verbs}


DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [group(GROUP, VERSION), group("apiextensions.k8s.io", "v1")]},
    "/api/v1": {"resources": [kind("namespaces", namespaced=False), kind("events", namespaced=True)]},
    "/apis/apiextensions.k8s.io/v1": {"resources": [kind("customresourcedefinitions", namespaced=False)]},
    f"/apis/{GROUP}/{VERSION}": {"resources": [kind("escenvironments", namespaced=True)]},
}
"""All that kopf wants to see before it begins."""


class Server:
    """Serves one kind to kopf. `status` is what lists and watches are answered with."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self._closing = asyncio.Event()

    def close_watches(self) -> None:
        self._closing.set()
        self._closing = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.endswith("escenvironments"):
            return web.json_response(DISCOVERY[request.path])
        watch = "watch" in request.query
        self.asked.append("watch" if watch else "list")
        if self.status != 200:
            return web.json_response({"kind": "Status", "code": self.status}, status=self.status)
        if not watch:
            return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(
            json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "2"}}}).encode() + b"\n"
        )
        await self._closing.wait()
        return answer


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def play(story: Callable[[Server, Pulses, Clock], Awaitable[None]]) -> None:
    """kopf watches the server, as the operator lets it."""

    async def run() -> None:
        server, clock = Server(), Clock()
        pulses = Pulses(clock)
        runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def log_in(**_: Any) -> kopf.AiohttpSession:
            return open_session(kopf.ConnectionInfo(server=f"http://{host}:{port}"), pulses)

        @kopf.on.event(GROUP, VERSION, "escenvironments", registry=registry)
        async def on_environment(**_: Any) -> None: ...

        settings = make_settings()
        settings.watching.reconnect_backoff = 0.01
        settings.networking.error_backoffs = Backoffs(0.01, 0.02)
        stop = asyncio.Event()
        operator = asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=settings,
                identity="test",  # type: ignore[arg-type]
                clusterwide=True,
                stop_flag=stop,
            )
        )
        try:
            async with asyncio.timeout(20):
                await until(lambda: "watch" in server.asked)
                await story(server, pulses, clock)
        finally:
            stop.set()
            server.close_watches()
            await asyncio.wait([operator], timeout=10)
            await runner.cleanup()

    asyncio.run(run())


def test_attempts_have_no_end_and_are_never_far_apart() -> None:
    backoffs = make_settings().networking.error_backoffs
    assert isinstance(backoffs, Backoffs)
    pauses = list(itertools.islice(backoffs, 1000))
    assert pauses[:4] == [1, 2, 4, 5]
    assert max(pauses) == 5


async def until(happened: Callable[[], object]) -> None:
    while not happened():  # noqa: ASYNC110 - what it waits for is a library's, and no event of ours
        await asyncio.sleep(0.01)


def test_a_watch_that_is_opened_again_beats() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        for _ in range(3):
            asked = len(server.asked)
            clock.seconds += 5 * MINUTE
            server.close_watches()
            await until(lambda asked=asked: len(server.asked) > asked and pulses.most_idle()[1] == 0)  # type: ignore[misc]
            await until(lambda: pulses.silences() == {"escenvironments": 0})

    play(story)


def test_a_server_that_serves_nothing_is_silent_and_the_watch_alive() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        await until(lambda: pulses.silences() == {"escenvironments": 0})
        server.status = 503
        server.close_watches()
        for _ in range(12):
            asked = len(server.asked)
            clock.seconds += MINUTE
            await until(lambda asked=asked: len(server.asked) > asked)  # type: ignore[misc]
            assert pulses.most_idle() == ("escenvironments", 0)
        assert pulses.silences() == {"escenvironments": 12 * MINUTE}

    play(story)


def test_a_watch_that_nobody_opens_again_is_found_out() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        await until(lambda: pulses.silences() == {"escenvironments": 0})
        clock.seconds += 11 * MINUTE  # nothing is done: neither does the server close it, nor kopf give it up
        await asyncio.sleep(0.1)
        assert pulses.most_idle() == ("escenvironments", 11 * MINUTE)

    play(story)


@pytest.mark.parametrize("prefix", ["", "/k8s/clusters/c-1"])
def test_watches_of_several_namespaces_beat_each_for_itself(prefix: str) -> None:
    async def run() -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.json_response({})

        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}{}".format(*runner.addresses[0][:2], prefix)
        clock = Clock()
        pulses = Pulses(clock)
        session = open_session(kopf.ConnectionInfo(server=url), pulses).aiohttp_session
        try:
            for namespace in ("a", "b"):
                async with session.get(f"{url}/apis/{GROUP}/{VERSION}/namespaces/{namespace}/escenvironments"):
                    pass
            clock.seconds += MINUTE
            async with session.get(f"{url}/apis/{GROUP}/{VERSION}/namespaces/a/escenvironments"):
                pass
            async with session.get(f"{url}/apis/{GROUP}/{VERSION}"), session.get(f"{url}/api/v1/secrets"):
                pass
            assert pulses.of("escenvironments", "a").idle == 0
            assert pulses.most_idle() == ("escenvironments", MINUTE)
            assert pulses.silences() == {"escenvironments": MINUTE}
        finally:
            await session.close()
            await runner.cleanup()

    asyncio.run(run())
