"""kopf's own watch, on a loopback API server: what it does and hears is told, whatever becomes of the server."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import kopf
import pytest
from aiohttp import web

from esc_operator.handlers.kinds import PAUSE_SECONDS, Kinds
from esc_operator.handlers.kopf_middleware import GROWTH, MOST_AT_ONCE, Lists, Pages
from esc_operator.handlers.session import LONGEST_PAUSE, Logins, open_session
from esc_operator.handlers.watching import Backoffs, make_settings
from esc_operator.kube.client_config import ClientConfig, Credentials
from esc_operator.kube.connection import Connection
from esc_operator.kube.pages import FIRST_PAGE, LARGEST_PAGE
from esc_operator.kube.pulses import Pulses
from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MINUTE = 60.0

HEARD: list[str] = []
"""What the operator learned of, in order."""


class Server:
    """Serves one kind to kopf. `status` is what lists and watches are answered with.

    Of a list it forgets where it was before it has given `patience` pages. A watch ends with `lost` because the API
    server has forgotten its place.
    """

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self.names: list[str] = []
        self.patience = 1000
        self.limits: list[int] = []
        self.lost = False
        self.tokens: list[str] = []
        self.good_token = ""
        self.error: Any = None
        self.torn = False
        self.answer = ""
        self._closing = asyncio.Event()

    def close_watches(self) -> None:
        self._closing.set()
        self._closing = asyncio.Event()

    def end_watches(self) -> None:
        """Those that are opened from now on as well: each would be a task of which kopf waits for five seconds."""
        self._closing.set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        watch = "watch" in request.query
        self.asked.append("watch" if watch else "list")
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.good_token not in self.tokens[-1]:
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        if self.status != 200:
            return web.json_response({"kind": "Status", "code": self.status}, status=self.status)
        if self.answer and not watch:
            return web.Response(text=self.answer)
        if not watch:
            return self._list(int(request.query["limit"]), request.query.get("continue", "0"))
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(
            json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "2"}}}).encode() + b"\n"
        )
        await self._closing.wait()
        if self.lost:
            self.lost = False
            gone = {"kind": "Status", "code": 410, "reason": "Expired"}
            await answer.write(json.dumps({"type": "ERROR", "object": gone}, separators=(",", ":")).encode() + b"\n")
        if self.error is not None:
            error, self.error = self.error, None
            await answer.write(json.dumps({"type": "ERROR", "object": error}, separators=(",", ":")).encode() + b"\n")
        if self.torn:
            self.torn = False
            await answer.write(b'{"type":"ADDED","object":{"meta')
        return answer

    def _list(self, limit: int, place: str) -> web.Response:
        start = int(place)
        if start == 0:
            self.limits.append(limit)
        if start >= limit * self.patience:
            # As kube-apiserver does, which offers to go on with what is there by now.
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {"continue": place}}
            return web.json_response(gone, status=410)
        end = start + limit
        items = [
            {"metadata": {"name": name, "namespace": "apps", "uid": name, "resourceVersion": "1"}}
            for name in self.names[start:end]
        ]
        more = str(end) if end < len(self.names) else ""
        return web.json_response({"items": items, "metadata": {"resourceVersion": "1", "continue": more}})


AGAIN = "Trying again until it answers."


class Clock:
    """`pause` is over at once, and is what moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def pause(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0.01)

    def __call__(self) -> float:
        return self.seconds


def play(story: Callable[[Server, Pulses, Clock], Awaitable[None]], server: Server | None = None) -> Server:
    """kopf watches the server, as the operator lets it. What comes of its lists is `HEARD`."""
    server = server or Server()
    HEARD.clear()

    async def run() -> None:
        clock = Clock()
        pulses, logins = Pulses(clock), Logins(clock, clock.pause)
        runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        registry = kopf.OperatorRegistry()

        settings = make_settings()
        lists = Lists(Pages(2, 2), lambda plural, namespace: HEARD.append(f"none of {plural} in {namespace or 'all'}"))
        numbers = itertools.count(1)
        kinds = Kinds(lambda plural, namespace: HEARD.append(f"{plural} gone from {namespace or 'all'}"), clock.pause)

        @kopf.on.login(registry=registry)
        async def log_in(**_: Any) -> kopf.AiohttpSession:
            await logins.turn()
            credentials = Credentials(authorization=f"Bearer token-{next(numbers)}")
            return open_session(Connection(ClientConfig(f"http://{host}:{port}", credentials)), pulses, lists, kinds)

        @kopf.on.event(GROUP, VERSION, "escenvironments", registry=registry)
        async def on_environment(event: kopf.RawEvent, **_: Any) -> None:
            HEARD.append(event["object"]["metadata"]["name"])

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
                await until(lambda: "watch" in server.asked or server.status != 200)
                await story(server, pulses, clock)
        finally:
            stop.set()
            server.end_watches()
            await asyncio.wait([operator], timeout=10)
            await runner.cleanup()
        assert operator.exception() is None

    asyncio.run(run())
    return server


def test_attempts_have_no_end_and_are_never_far_apart() -> None:
    backoffs = make_settings().networking.error_backoffs
    assert isinstance(backoffs, Backoffs)
    pauses = list(itertools.islice(backoffs, 1000))
    assert pauses[:4] == [1, 2, 4, 5]
    assert max(pauses) == 5


async def until(happened: Callable[[], object]) -> None:
    while not happened():  # noqa: ASYNC110 - what it waits for is a library's, and no event of ours
        await asyncio.sleep(0.01)


def test_why_there_is_no_connection_is_logged_once_in_words_for_people(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        pulses, lists = Pulses(), Lists(Pages(2, 2), lambda *_: None)
        connection = Connection(ClientConfig("http://127.0.0.1:9"))
        client = open_session(connection, pulses, lists, Kinds(lambda *_: None, asyncio.sleep)).aiohttp_session
        for _ in range(3):
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.request("get", f"http://127.0.0.1:9/apis/{GROUP}/{VERSION}/escenvironments")
        await client.close()

    asyncio.run(run())
    (told,) = caplog.messages
    assert told.startswith("could not watch environments: the API server at http://127.0.0.1:9 refuses connections, ")
    assert told.endswith("there (ConnectionRefused): look whether it runs, and at the address and the port. " + AGAIN)


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
        server.status, asked = 503, len(server.asked)
        server.close_watches()
        await until(lambda: len(server.asked) > asked)  # nobody is served any more from now on
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
        await asyncio.sleep(0.1)
        if pulses.most_idle()[1] == 0:
            clock.seconds += MINUTE  # what is still to be heard of the beginning is heard by now, or within this minute
            await asyncio.sleep(0.5)
        idle = pulses.most_idle()[1]
        clock.seconds += 11 * MINUTE  # nothing is done: neither does the server close it, nor kopf give it up
        await asyncio.sleep(0.1)
        assert pulses.most_idle() == ("escenvironments", idle + 11 * MINUTE)

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
        lists = Lists(Pages(), lambda _plural, _namespace: None)
        session = open_session(Connection(ClientConfig(url)), pulses, lists, Kinds()).aiohttp_session
        try:
            for namespace in ("a", "b"):
                async with await session.request(
                    "GET", f"{url}/apis/{GROUP}/{VERSION}/namespaces/{namespace}/escenvironments"
                ):
                    pass
            clock.seconds += MINUTE
            for path in (f"apis/{GROUP}/{VERSION}/namespaces/a/escenvironments", "apis/other", "api/v1/secrets"):
                async with await session.request("GET", f"{url}/{path}"):
                    pass
            assert pulses.of("escenvironments", "a").idle == 0
            assert pulses.most_idle() == ("escenvironments", MINUTE)
            assert pulses.silences() == {"escenvironments": MINUTE}
        finally:
            await session.close()
            await runner.cleanup()

    asyncio.run(run())


def test_a_list_whose_place_was_forgotten_is_begun_anew_in_larger_pages(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.names = [f"app-{number:03}" for number in range(60)]
    server.patience = 2

    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        await until(lambda: set(HEARD) == set(server.names))

    play(story, server)
    assert server.limits == [2, 2 * GROWTH, 2 * GROWTH**2]
    told = [record.getMessage() for record in caplog.records if record.name.startswith("esc_operator")]
    assert told == [
        "The list of escenvironments took too long: listing again, with up to 8 objects a page.",
        "The list of escenvironments took too long: listing again, with up to 32 objects a page.",
    ]


def test_pages_do_not_grow_without_end() -> None:
    pages = Pages()
    assert make_settings().watching.chunk_size == FIRST_PAGE
    grown = [pages.grow() for _ in range(5)]
    assert grown == [LARGEST_PAGE * 4, LARGEST_PAGE * 16, MOST_AT_ONCE, MOST_AT_ONCE, MOST_AT_ONCE]


def test_an_empty_list_tells_that_there_are_none_also_when_the_watch_has_lost_its_place() -> None:
    server = Server()
    server.names = ["last"]

    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        await until(lambda: HEARD == ["last"])
        server.names, server.lost = [], True
        server.close_watches()
        await until(lambda: HEARD == ["last", "none of escenvironments in all"])

    play(story, server)


def test_a_token_that_is_refused_is_not_tried_again_and_again_without_a_pause() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        server.good_token = "token-8"
        server.close_watches()
        await until(lambda: server.good_token in server.tokens[-1])
        # The second of them comes a moment after the first, and each is tried once or, where it was good before, twice.
        assert clock.seconds == 1 + 2 + 4 + 8 + 16 + LONGEST_PAUSE * 2
        assert len(server.tokens) <= 2 + 2 * 8
        clock.seconds += 5 * MINUTE
        server.good_token = "token-9"
        before = clock.seconds
        server.close_watches()
        await until(lambda: server.good_token in server.tokens[-1])
        assert clock.seconds == before

    play(story)


def test_a_kind_that_is_not_there_at_the_start_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "esc_operator")
    server = Server()
    server.status, server.names = 404, ["later"]

    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        await until(lambda: len(server.asked) > 2)
        assert HEARD == ["escenvironments gone from all"]
        assert pulses.most_idle()[1] <= PAUSE_SECONDS  # it is looked for, which is no standing still
        server.status = 200
        await until(lambda: "later" in HEARD)

    play(story, server)
    missing, served = [record.getMessage() for record in caplog.records if record.name.startswith("esc_operator")]
    assert missing == (
        "EscEnvironment is not served: its CustomResourceDefinition is missing or was deleted. Install it (kubectl "
        "apply -f crds/escenvironments.yaml); the operator notices within 4 s."
    )
    assert served == "EscEnvironment is served: working on it."


def test_a_kind_that_goes_while_it_is_watched_has_no_objects_and_all_are_listed_when_it_is_back() -> None:
    server = Server()
    server.names = ["before"]

    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        await until(lambda: HEARD == ["before"])
        server.status = 404
        server.close_watches()
        await until(lambda: "escenvironments gone from all" in HEARD)
        HEARD.clear()
        server.status, server.names = 200, ["after"]
        await until(lambda: HEARD == ["after"])

    play(story, server)


def test_a_kind_that_is_away_for_a_moment_is_not_gone() -> None:
    async def story() -> None:
        gone: list[str] = []
        kinds = Kinds(lambda plural, _: gone.append(plural), Clock().pause)
        answer = cast("aiohttp.ClientResponse", SimpleNamespace(status=404, release=lambda: None))
        path = f"/apis/{GROUP}/{VERSION}/escrotations"
        for missing in ([], ["escrotations"], ["escrotations"]):
            with pytest.raises(aiohttp.ClientPayloadError):
                await kinds.meet(answer, path, watch=False)
            assert gone == missing
        assert kinds.missing == ["EscRotation"]

    asyncio.run(story())


def test_an_error_in_a_watch_is_followed_by_a_new_list_and_never_the_end() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        for error in ({"code": 500, "reason": "InternalError"}, {"reason": "none"}, {"code": 403}, "none at all"):
            name = f"after-{error}"
            server.error, server.names = error, [name]
            server.close_watches()
            await until(lambda name=name: name in HEARD)  # type: ignore[misc]

    play(story)


def test_no_refusal_of_a_list_or_a_watch_ends_it() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        for status in (400, 404, 405, 409, 410, 422):
            server.status = status
            server.close_watches()
            asked = len(server.asked)
            await until(lambda asked=asked: len(server.asked) > asked + 2)  # type: ignore[misc]
            name = f"after-{status}"
            server.status, server.names = 200, [name]
            await until(lambda name=name: name in HEARD)  # type: ignore[misc]

    play(story)


def test_a_line_that_breaks_off_and_a_page_that_is_no_json_are_no_end_either() -> None:
    async def story(server: Server, pulses: Pulses, clock: Clock) -> None:
        server.torn = server.lost = True
        server.answer = "<html>Bad gateway</html>"
        server.close_watches()
        asked = len(server.asked)
        await until(lambda: server.asked[asked:].count("list") > 2)
        server.answer, server.names = "", ["new"]
        await until(lambda: "new" in HEARD)

    play(story)
