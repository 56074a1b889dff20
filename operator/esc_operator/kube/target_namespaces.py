"""The informer of namespaces: their names and labels, and whether they are going. Metadata only.

Owns what is known of each, kept true by a watch, and tells listeners that something about one has changed. Namespaces
are read and never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.errors import KubeError, NotFoundError
from esc_operator.kube.api import METADATA_LIST, KubeApi
from esc_operator.kube.paths import NAMESPACES
from esc_operator.kube.pulses import Pulses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

logger = logging.getLogger(__name__)

PAGE = "500"
RECONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Namespace:
    """`terminating`: it is being deleted with all that is in it."""

    labels: Mapping[str, str]
    terminating: bool


def parse_namespace(body: Mapping[str, Any]) -> Namespace:
    metadata = body["metadata"]
    return Namespace(metadata.get("labels") or {}, bool(metadata.get("deletionTimestamp")))


class TargetNamespaces:
    """Await `listed` before trusting an absence."""

    def __init__(
        self,
        api: KubeApi,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pulses: Pulses | None = None,
    ) -> None:
        self._api = api
        self._pulse = (pulses or Pulses()).of(NAMESPACES.plural, "targets")
        self._pause = pause
        self._version = ""
        self._known: dict[str, Namespace] = {}
        self._on_change: Callable[[], None] = lambda: None
        self.listed = asyncio.Event()

    def listen(self, on_change: Callable[[], None]) -> None:
        """Call back when a namespace has come, gone, or changed its labels."""
        self._on_change = on_change

    def __iter__(self) -> Iterator[tuple[str, Namespace]]:
        return iter(sorted(self._known.items()))

    def find(self, name: str) -> Namespace | None:
        return self._known.get(name)

    async def run(self) -> None:
        """List and watch until cancelled. A watch that fell behind its history is listed again."""
        while True:
            self._pulse.tried()
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except NotFoundError:
                self._version = ""
            except KubeError as error:
                logger.warning("Watching namespaces: %s", error.message)
            await self._pause(RECONNECT_SECONDS)

    async def _list(self) -> None:
        found: dict[str, Namespace] = {}
        query = {"limit": PAGE}
        while True:
            page = await self._api.list_page(NAMESPACES, None, accept=METADATA_LIST, **query)
            self._pulse.heard()
            found.update({body["metadata"]["name"]: parse_namespace(body) for body in page["items"] or ()})
            if not (token := page["metadata"].get("continue")):
                break
            query = {**query, "continue": token}
        changed, self._known = found != self._known, found
        self._version = page["metadata"]["resourceVersion"]
        self.listed.set()
        if changed:
            self._on_change()

    async def _watch(self) -> None:
        lines = self._api.watch_lines(NAMESPACES, None, resourceVersion=self._version)
        async with contextlib.aclosing(lines):
            async for line in lines:
                self._pulse.heard()
                event = json.loads(line)
                body = event["object"]
                if event["type"] == "ERROR":
                    raise NotFoundError(f"the watch of namespaces ended: {body.get('reason')}")
                if event["type"] != "BOOKMARK":
                    self._take(event["type"], body)
                self._version = body["metadata"]["resourceVersion"]

    def _take(self, kind: str, body: Mapping[str, Any]) -> None:
        name = body["metadata"]["name"]
        before = self._known.get(name)
        if kind == "DELETED":
            self._known.pop(name, None)
        else:
            self._known[name] = parse_namespace(body)
        if self._known.get(name) != before:
            self._on_change()
