"""Requests as the API server gets them, over a loopback connection."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from aiohttp import web

from esc_operator.driver.places import Places
from esc_operator.errors import ForbiddenError, IdentityError, InvalidError, NotFoundError, UnavailableError
from esc_operator.kube.api import METADATA, METADATA_LIST, KubeApi
from esc_operator.kube.asker import ASKER
from esc_operator.kube.client_config import ClientConfig, Credentials
from esc_operator.kube.connection import Connection
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

SECRET = {"metadata": {"namespace": "apps", "name": "aws", "resourceVersion": "7"}, "data": {"A": "aHVudGVyMg=="}}


class Seen(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    accept: str
    content_type: str
    body: Any
    authorization: str


class Server:
    """Answers every request with `status` and `answer`, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.status = 200
        self.answer: bytes = b'{"metadata": {}}'
        self.headers: dict[str, str] = {}
        self.breaks_off = False
        self.holds: asyncio.Event | None = None
        """Whatever is asked waits for it."""
        self._news = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until this is so of what was asked."""
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        text = await request.text()
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                request.headers["Accept"],
                request.headers.get("Content-Type", ""),
                json.loads(text) if text else None,
                request.headers.get("Authorization", ""),
            )
        )
        self._news.set()
        if self.holds:
            await self.holds.wait()
        if not self.breaks_off:
            return web.Response(status=self.status, body=self.answer, headers=self.headers)
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(self.answer)
        assert request.transport is not None
        request.transport.abort()
        return answer


def ask(story: Callable[[KubeApi, Server], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        server = Server()
        runner = web.ServerRunner(web.Server(server.handle))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        api = KubeApi(
            Connection(ClientConfig(f"http://{host}:{port}", Credentials(authorization="Bearer somebody"))),
            places=Places(8),
        )
        try:
            async with asyncio.timeout(10):
                await story(api, server)
        finally:
            await api.close()
            await runner.cleanup()

    asyncio.run(run())


def test_an_object_is_read_whole_and_of_a_secret_only_the_metadata_where_that_is_enough() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.answer = json.dumps(SECRET).encode()
        assert await api.read(SECRETS, "apps", "aws") == SECRET
        await api.read_metadata(SECRETS, "apps", "aws")
        assert [(seen.method, seen.path) for seen in server.seen] == [
            ("GET", "/api/v1/namespaces/apps/secrets/aws")
        ] * 2
        assert [seen.accept for seen in server.seen] == ["application/json", METADATA]
        assert [seen.authorization for seen in server.seen] == ["Bearer somebody"] * 2

    ask(story)


def test_a_list_is_asked_for_with_its_selector_and_page() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.answer = b'{"items": [], "metadata": {}}'
        await api.list_page(SECRETS, None, dict, accept=METADATA_LIST, labelSelector="a=b", limit="500")
        (seen,) = server.seen
        assert (seen.path, seen.query) == ("/api/v1/secrets", {"labelSelector": "a=b", "limit": "500"})
        assert seen.accept == METADATA_LIST

    ask(story)


@pytest.mark.parametrize("force", [True, False])
def test_a_secret_is_applied_as_our_field_manager(*, force: bool) -> None:
    async def story(api: KubeApi, server: Server) -> None:
        await api.apply(SECRETS, SECRET, force=force)
        (seen,) = server.seen
        assert (seen.method, seen.content_type) == ("PATCH", "application/apply-patch+yaml")
        assert seen.query == {"fieldManager": "esc-operator", "force": "true" if force else "false"}
        assert seen.body == SECRET
        assert seen.accept == METADATA

    ask(story)


def test_what_was_applied_comes_back_whole_where_that_is_asked_for() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        await api.apply(SECRETS, SECRET, force=True, whole=True)
        (seen,) = server.seen
        assert seen.accept == "application/json"

    ask(story)


def test_a_status_is_merged_onto_the_very_object() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        await api.patch_status(ENVIRONMENTS, "apps", "aws", {"failures": None}, "uid-1")
        (seen,) = server.seen
        assert seen.path == "/apis/esc-operator.dev/v1alpha1/namespaces/apps/escenvironments/aws/status"
        assert seen.content_type == "application/merge-patch+json"
        assert seen.body == {"metadata": {"uid": "uid-1"}, "status": {"failures": None}}
        assert seen.accept == METADATA

    ask(story)


@pytest.mark.parametrize("status", [200, 404])
def test_only_the_very_object_is_deleted_and_one_that_is_gone_is_as_good(status: int) -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.status = status
        await api.delete(SECRETS, "apps", "aws", uid="uid-1")
        (seen,) = server.seen
        assert (seen.method, seen.body) == ("DELETE", {"preconditions": {"uid": "uid-1"}})

    ask(story)


def test_an_event_is_posted_in_the_namespace_of_its_object() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        await api.create_event("apps", {"reason": "Expired"})
        (seen,) = server.seen
        assert (seen.method, seen.path) == ("POST", "/api/v1/namespaces/apps/events")

    ask(story)


def test_a_token_is_asked_for_at_its_service_account() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.answer = json.dumps({"status": {"token": "e30.e30.sig"}}).encode()
        token = await api.request_token("apps", "web", "sts.amazonaws.com")
        assert token.reveal() == "e30.e30.sig"
        assert server.seen[0].path == "/api/v1/namespaces/apps/serviceaccounts/web/token"
        server.status = 404
        with pytest.raises(IdentityError, match="ServiceAccount apps/web does not exist"):
            await api.request_token("apps", "web", "sts.amazonaws.com")

    ask(story)


def test_a_refusal_is_translated_without_the_values_it_quotes() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        causes = [{"field": "data", "reason": "FieldValueTooLong", "message": "hunter2"}]
        server.status = 422
        server.answer = json.dumps({"message": "hunter2", "details": {"causes": causes}}).encode()
        with pytest.raises(InvalidError, match=r"data: FieldValueTooLong") as caught:
            await api.apply(SECRETS, SECRET, force=True)
        assert "hunter2" not in str(caught.value)
        server.status, server.answer, server.headers = 429, b"", {"Retry-After": "3"}
        with pytest.raises(UnavailableError) as throttled:
            await api.read(SECRETS, "apps", "aws")
        assert throttled.value.retry_after == 3

    ask(story)


def test_no_write_of_a_secret_repeats_what_refuses_it() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.status = 403
        server.answer = json.dumps({"message": 'admission webhook "w.io" denied the request: hunter2'}).encode()
        for write in (
            api.apply(SECRETS, SECRET, force=True),
            api.patch(SECRETS, "apps", "aws", SECRET),
            api.create(SECRETS, "apps", SECRET),
        ):
            with pytest.raises(ForbiddenError, match=r'the admission webhook "w\.io" denies it: its words may quote'):
                await write

    ask(story)


def test_an_answer_of_something_in_between_counts_as_none() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.answer = b"<html>please log in: hunter2</html>"
        with pytest.raises(UnavailableError) as caught:
            await api.read(SECRETS, "apps", "aws")
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None

    ask(story)


def test_a_flood_of_one_namespaces_requests_leaves_places_for_others() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.holds = asyncio.Event()

        async def read(asker: str, name: str) -> None:
            ASKER.set(asker)
            await api.read(SECRETS, "shared", name)  # whose it is does not matter: who asks does

        async with asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task(read("red", f"red-{number}"))
            await server.until(lambda: len(server.seen) >= 6)
            group.create_task(read("blue", "blue"))
            await server.until(lambda: any(seen.path.endswith("/blue") for seen in server.seen))
            assert len(server.seen) <= 8
            server.holds.set()
        assert len(server.seen) == 41

    ask(story)


def test_a_request_that_fails_or_is_given_up_gives_its_place_back() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.status = 404
        for _ in range(20):
            with pytest.raises(NotFoundError):
                await api.read(SECRETS, "apps", "aws")
        server.holds = asyncio.Event()
        asked = [asyncio.create_task(api.read(SECRETS, "apps", "aws")) for _ in range(20)]
        await server.until(lambda: len(server.seen) >= 26)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        server.holds.set()
        with pytest.raises(NotFoundError):
            await api.read(SECRETS, "apps", "aws")

    ask(story)


def test_no_answer_is_an_unavailable_api_server() -> None:
    async def story(_: KubeApi, __: Server) -> None:
        api = KubeApi(Connection(ClientConfig("http://127.0.0.1:9")))
        with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9 refuses .* \(ConnectionRefused\)"):
            await api.read(SECRETS, "apps", "aws")
        with pytest.raises(UnavailableError, match="could not watch secrets"):
            await anext(api.watch_lines(SECRETS, None))
        await api.close()

    ask(story)


def test_json_of_something_else_is_no_object_of_an_api_server() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.answer = b'{"hello": 1}'
        with pytest.raises(UnavailableError, match=r"\(NotKubernetes\)"):
            await api.read(SECRETS, "apps", "aws")
        with pytest.raises(UnavailableError, match=r"\(NotKubernetes\)"):
            await api.list_page(SECRETS, None, dict)

    ask(story)


def test_a_watch_passes_on_its_lines_however_long_and_ends_with_the_answer() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        lines = [b'{"a": "' + b"x" * 400_000 + b'"}', b"{}"]
        server.answer = b"\n".join(lines) + b"\n"
        assert [line async for line in api.watch_lines(SECRETS, "apps", resourceVersion="7")] == lines
        (seen,) = server.seen
        assert (seen.path, seen.accept) == ("/api/v1/namespaces/apps/secrets", METADATA)
        assert seen.query["watch"] == "true"
        assert seen.query["resourceVersion"] == "7"
        assert seen.query["allowWatchBookmarks"] == "true"

    ask(story)


def test_a_watch_from_a_forgotten_version_is_distinguished_from_one_that_breaks_off() -> None:
    async def story(api: KubeApi, server: Server) -> None:
        server.status = 410
        with pytest.raises(NotFoundError):
            await anext(api.watch_lines(SECRETS, None))
        server.answer, server.breaks_off = b'{"a": 1}\n{"b"', True
        lines = api.watch_lines(SECRETS, None)
        assert await anext(lines) == b'{"a": 1}'
        with pytest.raises(UnavailableError, match="could not watch secrets"):
            await anext(lines)

    ask(story)
