"""What all informers share: a list of metadata in pages, and a watch from there on.

Owns the place in the history of one resource. Which objects are remembered, and what becomes of a failure, is for the
informer to say.
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
"""Whatever ended a watch may do so again at once."""


class Reflector(Generic[T]):
    """Of one resource, in a namespace or (None) in all, narrowed by `query` (such as a `labelSelector`). `parse` makes
    of each object what is kept: the object itself goes as soon as it has come, because it may be large."""

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
        """Hand over all objects and the version they are of, unless the place is known from before, and then each
        event, until the server ends it. Raises KubeError; a NotFoundError says that the place is lost."""
        self._pulse.tried()
        try:
            if not self._version:
                await self._list(on_list)
            await self._watch(on_event)
        except NotFoundError:
            self.lose_place()
            raise

    def lose_place(self) -> None:
        """Begin with a list the next time."""
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
                    # 410, too: only a new list tells what happened meanwhile.
                    raise NotFoundError(f"the watch of {self._resource.plural} ended: {body.get('reason')}")
                if event["type"] != "BOOKMARK":
                    on_event(event["type"], self._parse(body))
                self._version = body["metadata"]["resourceVersion"]
