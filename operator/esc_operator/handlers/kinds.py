"""The kinds that kopf watches, whether or not the API server serves them.

kopf checks once, at its start, which kinds exist, and exits if one of them is no longer served, or if its watch meets
an unknown error. A CustomResourceDefinition may be installed later, deleted, created again or changed while the
operator works, and must not affect other kinds. So kopf always sees all kinds; one that is not served is requested
until it is; and any error that would make kopf exit is presented as an expired resource version, after which kopf lists
again. This needs no rights but list and watch."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from esc_operator.handlers.kopf_middleware import watched_kind
from esc_operator.handlers.trimming import trim_line, trim_list
from esc_operator.kube.lines import split_lines
from esc_operator.kube.pages import MalformedListError
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, ROTATIONS
from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from esc_operator.handlers.trimming import TrimmedPage

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
"""Between two requests for a kind that is not served, and after an error that would have made kopf exit."""
SURE = 2
"""How many requests in a row must fail: while a definition is changed, its kind is missing for a moment."""

KINDS = {resource.plural: resource for resource in (ENVIRONMENTS, CLUSTER_ENVIRONMENTS, ROTATIONS)}

_RETRIED_BY_KOPF = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
GONE = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}).encode()
"""In a watch it makes kopf list again; any other error makes it exit."""


def _group(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "versions": [{"version": version}], "preferredVersion": {"version": version}}


def _kind(plural: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    verbs = ["list", "watch"]
    return {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": namespaced, "verbs": verbs}


DISCOVERY: Mapping[str, Mapping[str, Any]] = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [_group(GROUP, VERSION), _group("apiextensions.k8s.io", "v1")]},
    "/api/v1": {
        "resources": [_kind("namespaces", "Namespace", namespaced=False), _kind("events", "Event", namespaced=True)]
    },
    "/apis/apiextensions.k8s.io/v1": {
        "resources": [_kind("customresourcedefinitions", "CustomResourceDefinition", namespaced=False)]
    },
    f"/apis/{GROUP}/{VERSION}": {
        "resources": [_kind(one.plural, one.kind, namespaced=one is ENVIRONMENTS) for one in KINDS.values()]
    },
}
"""The discovery that kopf expects at its start."""


class Kinds:
    """Which kinds are served. `on_gone` is called with a plural, and where it was watched ("" for everywhere), once it
    is certain that it has no objects. `is_echo` says whether a changed environment is only the echo of our own
    write."""

    def __init__(
        self,
        on_gone: Callable[[str, str], None] = lambda _plural, _where: None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._on_gone = on_gone
        self._is_echo: Callable[[Mapping[str, Any]], bool] = _is_never
        self._pause = pause
        self._looks: dict[tuple[str, str], int] = {}

    def listen(self, on_gone: Callable[[str, str], None], is_echo: Callable[[Mapping[str, Any]], bool]) -> None:
        self._on_gone, self._is_echo = on_gone, is_echo

    @property
    def missing(self) -> list[str]:
        """The kinds that are not served, such as `EscRotation`."""
        return sorted({KINDS[plural].kind for (plural, _), looks in self._looks.items() if looks >= SURE})

    async def meet(
        self,
        answer: aiohttp.ClientResponse,
        path: str,
        note: Callable[[tuple[str, str], TrimmedPage | None], None] = lambda _kind, _page: None,
        *,
        watch: bool,
    ) -> aiohttp.ClientResponse | Answer:
        """What kopf gets for the API server's answer. Raises aiohttp.ClientPayloadError if kopf has to list again.

        `path` is without its query; `note` is called with each page of a list, and with None if it broke off.
        """
        watched = watched_kind(path)
        if watched is None or watched[0] not in KINDS:
            return answer
        if answer.status == HTTPStatus.NOT_FOUND:
            self._note_missing(watched)
        elif answer.status < HTTPStatus.BAD_REQUEST:
            self._note_served(watched)
            if not watch:
                return Listed(answer, watched[0], partial(note, watched))
            is_echo = _is_never if watched[0] == ROTATIONS.plural else self._is_echo
            return Watched(answer, watched[0], self._pause, is_echo)
        elif answer.status in _RETRIED_BY_KOPF or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return answer
        else:
            logger.warning("The API server answered %d to a request for %s.", answer.status, watched[0])
        answer.release()
        await self._pause(PAUSE_SECONDS)
        raise aiohttp.ClientPayloadError(f"{watched[0]} cannot be listed")

    def _note_missing(self, watched: tuple[str, str]) -> None:
        before = self.missing
        looks = self._looks[watched] = self._looks.get(watched, 0) + 1
        if looks != SURE:
            return
        resource = KINDS[watched[0]]
        if resource.kind not in before:
            logger.warning(
                "%s is not served: its CustomResourceDefinition is missing or was deleted. Install it (kubectl apply "
                "-f crds/%s.yaml); the operator notices within %.0f s.",
                resource.kind,
                resource.plural,
                2 * PAUSE_SECONDS,
            )
        self._on_gone(*watched)

    def _note_served(self, watched: tuple[str, str]) -> None:
        before = self.missing
        self._looks.pop(watched, None)
        if (kind := KINDS[watched[0]].kind) in before and kind not in self.missing:
            logger.info("%s is served: working on it.", kind)


def _is_never(_: Mapping[str, Any]) -> bool:
    """The echo check of a kind whose every change counts."""
    return False


class Answer:
    """An answer, as far as kopf uses one. Without an `origin` it does not come from the API server."""

    status: int = HTTPStatus.OK

    def __init__(self, origin: aiohttp.ClientResponse | None = None) -> None:
        self._origin = origin
        self.headers = origin.headers if origin else {}

    @property
    def content(self) -> Self:
        return self

    async def json(self) -> Any:
        raise NotImplementedError

    def iter_chunked(self, size: int) -> AsyncGenerator[bytes, None]:
        """Whole lines."""
        raise NotImplementedError

    def close(self) -> None:
        if self._origin is not None:
            self._origin.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._origin is not None:
            self._origin.release()


class Substitute(Answer):
    """An answer in the API server's place."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    async def json(self) -> Any:
        return json.loads(self._body)

    async def iter_chunked(self, size: int) -> AsyncGenerator[bytes, None]:
        yield self._body + b"\n"


class Listed(Answer):
    """A page of a list, with its objects trimmed. An answer that is not JSON, because a proxy answered in the API
    server's place, looks like a broken connection."""

    def __init__(self, origin: aiohttp.ClientResponse, plural: str, note: Callable[[TrimmedPage | None], None]) -> None:
        super().__init__(origin)
        self._stream = origin.content
        self._plural = plural
        self._note = note

    async def json(self) -> Any:
        try:
            page = await trim_list(self._stream.iter_any())
        except MalformedListError as failure:
            raise aiohttp.ClientPayloadError(f"the list of {self._plural} is not one") from failure
        except (TimeoutError, aiohttp.ClientError):
            self._note(None)
            raise
        self._note(page)
        return page.body


class Watched(Answer):
    """A watch, with its objects trimmed. kopf sees any error in it as an expired resource version; half a line is
    dropped."""

    def __init__(
        self,
        origin: aiohttp.ClientResponse,
        plural: str,
        pause: Callable[[float], Awaitable[None]],
        is_echo: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        super().__init__(origin)
        self._stream = origin.content
        self._plural = plural
        self._pause = pause
        self._is_echo = is_echo

    async def iter_chunked(self, size: int) -> AsyncGenerator[bytes, None]:
        async for line in split_lines(self._stream.iter_chunked(size)):
            is_error = line.startswith(b'{"type":"ERROR"')
            yield (await self._forgotten(line) if is_error else trim_line(line, self._is_echo)) + b"\n"

    async def _forgotten(self, line: bytes) -> bytes:
        try:
            status = json.loads(line)["object"]
            code, reason = status.get("code"), status.get("reason")
        except (ValueError, LookupError, AttributeError):
            code, reason = None, "unreadable"
        if code != HTTPStatus.GONE:
            logger.warning("The watch of %s met an error (%s, %s): listing again.", self._plural, code, reason)
            await self._pause(PAUSE_SECONDS)
        return GONE
