"""Middlewares of aiohttp for kopf's lists and watches: they hide answers that would make kopf exit.

A list comes in pages, sized by bytes, and after some minutes the API server expires their continue token. This would
end kopf's watch, and so the process, and the next one may get no further. Here it looks like a broken connection, after
which kopf lists again, in larger pages, because the last page of many comes too late. An empty list has no object whose
handler could be called, but it says that there are none.

A namespace that may not be watched must not affect the others. A role that is removed, or a namespace that is deleted
with its role, also looks to kopf like a broken connection, which it retries without end.
"""

from __future__ import annotations

import asyncio
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from esc_operator.kube.pages import FIRST_PAGE, LARGEST_PAGE, PageLimits
from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from esc_operator.handlers.trimming import TrimmedPage

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 32_000
GROWTH = 4
PAUSE_SECONDS = 10.0
"""The pause after each refusal; less than kopf's timeout of a request."""
_ROOT = f"/apis/{GROUP}/{VERSION}/"


class Pages:
    """The page sizes of each list: `first` and `most` objects."""

    def __init__(self, first: int = FIRST_PAGE, most: int = LARGEST_PAGE) -> None:
        self._first = first
        self._most = most
        self._limits: dict[tuple[str, str], PageLimits] = {}
        self._next: dict[tuple[str, str], int] = {}

    def limit(self, kind: tuple[str, str], *, begins: bool) -> int:
        """The size of the next page of a list, or of the first if it `begins`."""
        if begins or kind not in self._next:
            self._next[kind] = self._of(kind).begin()
        return self._next[kind]

    def note(self, kind: tuple[str, str], objects: int, size: int, *, goes_on: bool) -> None:
        """A page has arrived, with its number of objects and bytes."""
        limits = self._of(kind)
        self._next[kind] = limits.go_on(objects, size)
        if not goes_on:
            limits.end()

    def fail(self, kind: tuple[str, str]) -> None:
        """A page has not arrived."""
        self._of(kind).fail()

    def grow(self) -> int:
        """A list took too long; returns the new maximum size of pages."""
        self._first = min(self._first * GROWTH, MOST_AT_ONCE)
        self._most = min(self._most * GROWTH, MOST_AT_ONCE)
        self._limits.clear()
        return self._most

    def _of(self, kind: tuple[str, str]) -> PageLimits:
        return self._limits.setdefault(kind, PageLimits(self._first, self._most))


def watched_kind(path: str) -> tuple[str, str] | None:
    """The plural of our kind that a list or watch is for, and its namespace, "" for everywhere: `.../escenvironments`,
    or `.../namespaces/apps/escenvironments`."""
    where, _, plural = path.partition(_ROOT)[2].rpartition("/")
    return (plural, where.removeprefix("namespaces/")) if plural else None


class Lists:
    """A middleware of aiohttp. `on_empty` is called with the `watched_kind` of each empty list."""

    def __init__(self, pages: Pages, on_empty: Callable[[str, str], None]) -> None:
        self._pages = pages
        self._on_empty = on_empty

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        kind, query = watched_kind(request.url.path), request.url.query
        if kind is None:
            return await handler(request)
        begins = "continue" not in query
        if "watch" not in query:
            request.url = request.url.update_query(limit=self._pages.limit(kind, begins=begins))
        response = await handler(request)
        if response.status == HTTPStatus.GONE:
            response.release()
            self._begin_anew(kind[0], paged=not begins)
        return response

    def note(self, kind: tuple[str, str], page: TrimmedPage | None, *, begins: bool) -> None:
        """A page has arrived, the first of its list if it `begins`; None: it broke off, or exceeded a request's
        timeout."""
        if page is None:
            self._pages.fail(kind)
            return
        self._pages.note(kind, page.objects, page.size, goes_on=page.goes_on)
        if begins and not page.objects and not page.goes_on:
            self._on_empty(*kind)

    def _begin_anew(self, plural: str, *, paged: bool) -> None:
        if paged:
            size = self._pages.grow()
            logger.warning("The list of %s took too long: listing again, with up to %d objects a page.", plural, size)
        # Of all failures this one makes kopf list again without ending its watch.
        raise aiohttp.ClientPayloadError(f"the continue token of the list of {plural} has expired")


class Refusals:
    """A middleware of aiohttp. It logs once that a namespace is refused, and once that it can be watched again."""

    def __init__(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._pause = pause
        self._refused: set[str] = set()

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        found = re.search(r"/namespaces/([^/?]+)/", request.url.path)
        if found is None:
            return response
        if response.status == HTTPStatus.FORBIDDEN:
            response.release()
            await self._refuse(found[1])
        if found[1] in self._refused:
            self._refused.discard(found[1])
            logger.info("Namespace %s can be watched again.", found[1])
        return response

    async def _refuse(self, namespace: str) -> None:
        if namespace not in self._refused:
            self._refused.add(namespace)
            logger.warning(
                "Namespace %s cannot be watched: it is gone, or the operator has no rights there. The others continue; "
                "retrying every %.0f s.",
                namespace,
                PAUSE_SECONDS,
            )
        await self._pause(PAUSE_SECONDS)
        # Of all failures this one neither makes kopf retry at once nor ends its watch.
        raise aiohttp.ClientPayloadError(f"namespace {namespace} cannot be watched")
