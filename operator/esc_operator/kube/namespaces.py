"""What namespaces allow their environments, as their annotations say it: followed in the whole cluster, or, where the
operator may only look at single namespaces, asked for again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError, NotFoundError
from esc_operator.kube.api import METADATA_LIST, KubeApi
from esc_operator.kube.paths import NAMESPACES
from esc_operator.kube.pulses import Pulses
from esc_operator.resources.allowances import Allowances, parse_allowances

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
    from typing import Any

logger = logging.getLogger(__name__)

PAGE = "500"
POLL_SECONDS = 10.0
RECONNECT_SECONDS = 1.0


class NamespaceAllowances:
    """`namespaces` are those that the operator works on; none where it works on all. `required`: see
    `parse_allowances`. `api_audiences` may be filled in later, before anything is asked. Await `listed` before trusting
    that nothing is forbidden."""

    def __init__(
        self,
        api: KubeApi,
        namespaces: Collection[str],
        *,
        required: bool,
        pulses: Pulses | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._namespaces = tuple(namespaces)
        self._required = required
        self._pulses = pulses or Pulses()
        self._pause = pause
        self._known: dict[str, Allowances] = {}
        self._on_change: Callable[[str], None] = lambda _: None
        self.api_audiences: Collection[str] = ()
        self.listed = asyncio.Event()

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Call back with each namespace whose allowances have changed."""
        self._on_change = on_change

    def find(self, namespace: str) -> Allowances | None:
        """What is known without asking."""
        return self._known.get(namespace)

    def forbids(self, namespace: str, roles: Iterable[str]) -> bool:
        """Whether a namespace is known not to allow one of these roles. One that is not told is not judged."""
        known = self._known.get(namespace)
        return known is not None and not all(known.allows_role(role) for role in roles if role)

    async def read(self, namespace: str) -> Allowances:
        """What a namespace allows; asked for where it is not known yet. Raises KubeError."""
        known = self._known.get(namespace)
        return known or self._observe(await self._api.read_namespace(namespace))

    async def run(self) -> None:
        """Keep it true until cancelled."""
        while True:
            try:
                await (self._poll() if self._namespaces else self._follow())
            except NotFoundError:
                logger.debug("The watch of namespaces has lost its place.")
            except KubeError as error:
                logger.warning("Watching namespaces: %s", error.message)
            await self._pause(POLL_SECONDS if self._namespaces else RECONNECT_SECONDS)

    async def _poll(self) -> None:
        for namespace in self._namespaces:
            try:
                self._observe(await self._api.read_namespace(namespace))
            except KubeError as error:
                # Without a look at it nothing can be told; `read` tells whoever needs it.
                self._known.pop(namespace, None)
                logger.warning("What namespace %s allows is not known: %s", namespace, error.message)
        self.listed.set()

    async def _follow(self) -> None:
        """List them and follow what becomes of them, until the server ends it."""
        pulse = self._pulses.of(NAMESPACES.plural)
        pulse.tried()
        found, version = set(), ""
        query = {"limit": PAGE}
        while True:
            page = await self._api.list_page(NAMESPACES, None, accept=METADATA_LIST, **query)
            pulse.heard()
            for body in page["items"] or ():
                self._observe(body)
                found.add(body["metadata"]["name"])
            version = page["metadata"]["resourceVersion"]
            if not (token := page["metadata"].get("continue")):
                break
            query = {**query, "continue": token}
        self._known = {name: known for name, known in self._known.items() if name in found}
        self.listed.set()
        lines = self._api.watch_lines(NAMESPACES, None, resourceVersion=version)
        async with contextlib.aclosing(lines):
            async for line in lines:
                pulse.heard()
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] == "DELETED":
                    self._known.pop(event["object"]["metadata"]["name"], None)
                elif event["type"] != "BOOKMARK":
                    self._observe(event["object"])

    def _observe(self, body: Mapping[str, Any]) -> Allowances:
        metadata = body["metadata"]
        now = parse_allowances(metadata.get("annotations"), self.api_audiences, required=self._required)
        before = self._known.get(metadata["name"])
        self._known[metadata["name"]] = now
        if before is not None and before != now:
            self._on_change(metadata["name"])
        return now
