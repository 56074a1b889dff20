"""The common part of all informers: a list of metadata in pages, and a watch from there on.

Owns the resource version of one resource. The informer decides which objects it keeps, and how it handles failures.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Generic, TypeVar

from esc_operator.errors import NotFoundError
from esc_operator.kube.api import METADATA_LIST
from esc_operator.kube.pages import PageLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.paths import Resource
    from esc_operator.kube.pulses import Pulse

T = TypeVar("T")

RECONNECT_SECONDS = 1.0
"""Pause before a watch is opened again: the failure that ended it may repeat at once."""


class Reflector(Generic[T]):
    """Reflects one resource, in a namespace or (None) in all, filtered by `query` (such as a `labelSelector`). `parse`
    reduces each object to what is kept: the object itself may be large, and is dropped at once."""

    def __init__(
        self,
        api: KubeApi,
        resource: Resource,
        scope: str | None,
        pulse: Pulse,
        parse: Callable[[Mapping[str, Any]], T],
        **query: str,
    ) -> None:
        self._api = api
        self._resource = resource
        self._scope = scope
        self._pulse = pulse
        self._parse = parse
        self._limits = PageLimits()
        self._query = query
        self._version = ""

    async def follow(
        self,
        on_list: Callable[[list[T], str], None],
        on_event: Callable[[str, T], None],
    ) -> None:
        """Report all objects and their list's version, unless the resource version is already known, and then each
        event, until the server ends the watch. Raises KubeError; a NotFoundError means that the resource version has
        expired."""
        self._pulse.tried()
        try:
            if not self._version:
                await self._list(on_list)
            await self._watch(on_event)
        except NotFoundError:
            self.lose_place()
            raise

    def lose_place(self) -> None:
        """Start with a list the next time."""
        self._version = ""

    async def _list(self, on_list: Callable[[list[T], str], None]) -> None:
        found, self._version = await self._api.list_all(
            self._resource,
            self._scope,
            self._parse,
            self._limits,
            accept=METADATA_LIST,
            heard=self._pulse.heard,
            **self._query,
        )
        on_list(found, self._version)

    async def _watch(self, on_event: Callable[[str, T], None]) -> None:
        lines = self._api.watch_lines(self._resource, self._scope, resourceVersion=self._version, **self._query)
        async with contextlib.aclosing(lines):
            async for line in lines:
                self._pulse.heard()
                event = json.loads(line)
                body = event["object"]
                if event["type"] == "ERROR":
                    # Also for 410: only a new list shows what happened meanwhile.
                    raise NotFoundError(f"the watch of {self._resource.plural} ended: {body.get('reason')}")
                if event["type"] != "BOOKMARK":
                    on_event(event["type"], self._parse(body))
                self._version = body["metadata"]["resourceVersion"]
