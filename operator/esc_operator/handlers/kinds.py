"""The kinds that kopf watches, whether or not the API server serves them.

kopf looks once, at its start, which kinds there are, and ends where one of them is not served any more, or where its
watch meets an error that it does not know. A CustomResourceDefinition may be installed later, deleted, made anew or
changed while the operator works, and the other kinds have nothing to do with that. So kopf is told that all kinds are
there, one that is not served is asked for until it is, and whatever kopf would end for looks like a place in the
history that is forgotten, after which it lists anew. It takes no right but those to list and watch.
"""

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
"""Between two looks for a kind that is not served, and after what kopf would have ended for."""
SURE = 2
"""So many looks in a row: while a definition is changed, its kind is away for a moment."""

KINDS = {resource.plural: resource for resource in (ENVIRONMENTS, CLUSTER_ENVIRONMENTS, ROTATIONS)}

_RETRIED_BY_KOPF = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
GONE = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}).encode()
"""In a watch it makes kopf list anew, and is the only error there that does not end it."""


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
"""All that kopf wants to see before it begins, as every cluster has it or is going to."""


class Kinds:
    """Which kinds are served. `on_gone` is told of a plural, and where it was watched ("" for everywhere), once it is
    sure that there are no objects of it. `is_echo` says of an environment that was changed whether that is no news."""

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
        """What kopf gets for the API server's answer. Raises aiohttp.ClientPayloadError where it has to list anew.

        `path` is without its query; `note` is told of a page of a list, and of None where it broke off.
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
            logger.warning("The API server answers %d to a look at %s.", answer.status, watched[0])
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
                "%s is not served: its CustomResourceDefinition is missing or was deleted. There are none to work on "
                "until it is installed (kubectl apply -f crds/%s.yaml), which is noticed within %.0f s.",
                resource.kind,
                resource.plural,
                2 * PAUSE_SECONDS,
            )
        self._on_gone(*watched)

    def _note_served(self, watched: tuple[str, str]) -> None:
        before = self.missing
        self._looks.pop(watched, None)
        if (kind := KINDS[watched[0]].kind) in before and kind not in self.missing:
            logger.info("%s is served, and worked on from now.", kind)


def _is_never(_: Mapping[str, Any]) -> bool:
    """Of a kind whose every change is looked at."""
    return False


class Answer:
    """An answer as far as kopf looks at one. Without an `origin` the API server did not give it."""

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


class Told(Answer):
    """What kopf is told in the API server's place."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    async def json(self) -> Any:
        return json.loads(self._body)

    async def iter_chunked(self, size: int) -> AsyncGenerator[bytes, None]:
        yield self._body + b"\n"


class Listed(Answer):
    """A page of a list, with its objects trimmed. What is no JSON, because something before the API server answered in
    its place, looks like a connection that broke."""

    def __init__(self, origin: aiohttp.ClientResponse, plural: str, note: Callable[[TrimmedPage | None], None]) -> None:
        super().__init__(origin)
        self._stream = origin.content
        self._plural = plural
        self._note = note

    async def json(self) -> Any:
        try:
            page = await trim_list(self._stream.iter_any())
        except MalformedListError as failure:
            raise aiohttp.ClientPayloadError(f"the list of {self._plural} is none") from failure
        except (TimeoutError, aiohttp.ClientError):
            self._note(None)
            raise
        self._note(page)
        return page.body


class Watched(Answer):
    """A watch, with its objects trimmed. An error in it is to kopf a place that is forgotten, whatever it was, and half
    a line is none."""

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
            logger.warning("The watch of %s met an error (%s, %s), and is begun anew.", self._plural, code, reason)
            await self._pause(PAUSE_SECONDS)
        return GONE
