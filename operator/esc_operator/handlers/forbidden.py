"""A namespace that may not be watched is its own trouble: of several, the others go on.

A role that is taken away, or a namespace that is deleted and its role with it, would end kopf, and with it the work for
all namespaces. To kopf it looks like a connection that broke instead, which it tries again for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
"""After each refusal; less than the time that kopf gives a request."""


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
