"""What kopf's own requests would end the operator with, taken out of its way: middlewares of aiohttp for its lists and
watches.

A list comes in pages, which are asked for by bytes, and the API server forgets after some minutes where one was. To
kopf that is the end of its watch, and so of the process, and the next one may get no further. Here it looks like a
connection that broke, after which kopf lists anew, in larger pages: it is the last of several that is asked for too
late. An empty list has no object whose handler could be called, but it says that there are none.

A namespace that may not be watched is its own trouble: of several, the others go on. A role that is taken away, or a
namespace that is deleted and its role with it, looks to kopf like a connection that broke as well, which it tries again
for as long as it takes.
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
"""After each refusal; less than the time that kopf gives a request."""
_ROOT = f"/apis/{GROUP}/{VERSION}/"


class Pages:
    """How many objects of each list are asked for at once; `first` and `most`."""

    def __init__(self, first: int = FIRST_PAGE, most: int = LARGEST_PAGE) -> None:
        self._first = first
        self._most = most
        self._limits: dict[tuple[str, str], PageLimits] = {}
        self._next: dict[tuple[str, str], int] = {}

    def limit(self, kind: tuple[str, str], *, begins: bool) -> int:
        """For the next page of a list, or for the first where it `begins`."""
        if begins or kind not in self._next:
            self._next[kind] = self._of(kind).begin()
        return self._next[kind]

    def note(self, kind: tuple[str, str], objects: int, size: int, *, goes_on: bool) -> None:
        """A page has come, with so many objects and bytes."""
        limits = self._of(kind)
        self._next[kind] = limits.go_on(objects, size)
        if not goes_on:
            limits.end()

    def fail(self, kind: tuple[str, str]) -> None:
        """A page has not come."""
        self._of(kind).fail()

    def grow(self) -> int:
        """A list took too long; answers how many are asked for at most from now on."""
        self._first = min(self._first * GROWTH, MOST_AT_ONCE)
        self._most = min(self._most * GROWTH, MOST_AT_ONCE)
        self._limits.clear()
        return self._most

    def _of(self, kind: tuple[str, str]) -> PageLimits:
        return self._limits.setdefault(kind, PageLimits(self._first, self._most))


def watched_kind(path: str) -> tuple[str, str] | None:
    """The plural of ours that a list or watch is of and where, which is "" for everywhere: `.../escenvironments`, or
    `.../namespaces/apps/escenvironments`."""
    where, _, plural = path.partition(_ROOT)[2].rpartition("/")
    return (plural, where.removeprefix("namespaces/")) if plural else None


class Lists:
    """A middleware of aiohttp. `on_empty` is told of each list with nothing in it, as `watched_kind` tells it."""

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
        """A page has come, the first of its list where that `begins` with it; None: it broke off, or took longer than a
        request may."""
        if page is None:
            self._pages.fail(kind)
            return
        self._pages.note(kind, page.objects, page.size, goes_on=page.goes_on)
        if begins and not page.objects and not page.goes_on:
            self._on_empty(*kind)

    def _begin_anew(self, plural: str, *, paged: bool) -> None:
        if paged:
            size = self._pages.grow()
            logger.warning("The list of %s took too long. It is begun anew, up to %d at a time.", plural, size)
        # Of all failures this one makes kopf list anew, and is not the end of its watch.
        raise aiohttp.ClientPayloadError(f"the place in the list of {plural} is forgotten")


class Refusals:
    """A middleware of aiohttp. It tells once of each namespace that it is refused, and that it is not any more."""

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
                "Namespace %s cannot be watched: it is gone, or the operator has no rights there. The others are kept, "
                "and it is looked at again every %.0f s.",
                namespace,
                PAUSE_SECONDS,
            )
        await self._pause(PAUSE_SECONDS)
        # Of all failures this one is neither retried at once by kopf nor the end of its watch.
        raise aiohttp.ClientPayloadError(f"namespace {namespace} cannot be watched")
