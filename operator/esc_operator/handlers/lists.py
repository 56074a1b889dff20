"""Lists of environments that kopf cannot make anything of: one that ran out of time, and one with nothing in it.

A list comes in pages, and the API server forgets after some minutes where one was. To kopf that is the end of its
watch, and so of the process, and the next one may get no further. Here it looks like a connection that broke, after
which kopf lists anew, in larger pages: it is the last of several that is asked for too late.

An empty list has no object whose handler could be called, but it says that there are none.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

logger = logging.getLogger(__name__)

PAGE = 500
LARGEST_PAGE = 32_000
GROWTH = 4
LONGEST_EMPTY = 1000
"""Characters: an empty list has a few hundred, one object by itself more than that."""

_ROOT = f"/apis/{GROUP}/{VERSION}/"


class Pages:
    """How many objects of a list are asked for at once. `ask` tells kopf."""

    def __init__(self, ask: Callable[[int], None], size: int = PAGE) -> None:
        self._ask = ask
        self._size = size

    def grow(self) -> int:
        """A list took too long; answers how many are asked for from now on."""
        self._size = min(self._size * GROWTH, LARGEST_PAGE)
        self._ask(self._size)
        return self._size


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
        response = await handler(request)
        kind, query = watched_kind(request.url.path), request.url.query
        if kind is None:
            return response
        if response.status == HTTPStatus.GONE:
            response.release()
            self._begin_anew(kind[0], paged="continue" in query)
        if response.status == HTTPStatus.OK and not {"watch", "continue"} & query.keys():
            body = await response.read()  # kept in the response for kopf
            if len(body) < LONGEST_EMPTY and _is_empty(body):
                self._on_empty(*kind)
        return response

    def _begin_anew(self, plural: str, *, paged: bool) -> None:
        if paged:
            size = self._pages.grow()
            logger.warning("The list of %s took too long. It is begun anew, %d at a time.", plural, size)
        # Of all failures this one makes kopf list anew, and is not the end of its watch.
        raise aiohttp.ClientPayloadError(f"the place in the list of {plural} is forgotten")


def _is_empty(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False  # something before the API server answered in its place
    return not found.get("items") and not found.get("metadata", {}).get("continue")
