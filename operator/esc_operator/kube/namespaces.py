"""The informer of namespaces: labels, allow-lists, and whether they are being deleted. Metadata only.

Owns what is known of each. A watch keeps it current for the whole cluster; if the operator may only read single
namespaces, it polls them. Namespaces are read and never changed.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError, NotFoundError
from esc_operator.kube.paths import NAMESPACES
from esc_operator.kube.pulses import Pulses
from esc_operator.kube.reflector import RECONNECT_SECONDS, Reflector
from esc_operator.resources.allowances import Allowances, parse_allowances

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
    from typing import Any

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.status import Status

logger = logging.getLogger(__name__)

POLL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Namespace:
    """`terminating`: it is being deleted with all its objects."""

    labels: Mapping[str, str]
    terminating: bool
    allowances: Allowances


class Namespaces:
    """`scopes` are those that the operator works on; empty: all. `required`: see `parse_allowances`. `api_audiences`
    may be filled in later, before the first question. Await `listed` before trusting an absence, or that nothing is
    forbidden."""

    def __init__(
        self,
        api: KubeApi,
        scopes: Collection[str] = (),
        *,
        required: bool = False,
        pulses: Pulses | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._scopes = tuple(scopes)
        self._required = required
        self._pulses = pulses or Pulses()
        self._pause = pause
        self._known: dict[str, Namespace] = {}
        self._on_change: Callable[[], None] = lambda: None
        self._on_allowances: Callable[[str], None] = lambda _: None
        self.api_audiences: Collection[str] = ()
        self.listed = asyncio.Event()

    def listen(
        self, on_change: Callable[[], None] | None = None, on_allowances: Callable[[str], None] | None = None
    ) -> None:
        """Call back when a namespace was added, removed, or changed its labels; and with each whose allowances have
        changed."""
        self._on_change = on_change or self._on_change
        self._on_allowances = on_allowances or self._on_allowances

    def __iter__(self) -> Iterator[tuple[str, Namespace]]:
        return iter(sorted(self._known.items()))

    def find(self, name: str) -> Namespace | None:
        """The known namespaces, without a request."""
        return self._known.get(name)

    def labels(self, name: str) -> Mapping[str, str] | None:
        """The labels of a namespace, as far as known without a request; None if it does not exist."""
        known = self._known.get(name)
        return known.labels if known else None

    def urls(self, name: str) -> tuple[str, ...]:
        """Patterns of origins that its environments may connect to besides public ones; empty if not known."""
        known = self._known.get(name)
        return known.allowances.urls if known else ()

    def forbids(self, name: str, status: Status) -> bool:
        """Whether a namespace is known to forbid a role in an environment's status, or may forbid it: a hidden role has
        to be checked again if the allowed roles have changed since the last login."""
        known = self._known.get(name)
        if known is None:
            return False
        allowances = known.allowances
        if status.hides_roles and allowances.digest not in {"", status.allowances}:
            return True
        return not all(allowances.allows_role(login.role) for login in status.logins if login.role)

    async def read_allowances(self, name: str) -> Allowances:
        """What a namespace allows; requested if it is not known yet. Raises KubeError."""
        if name not in self._known:
            self._take("ADDED", self._parse(await self._api.read_namespace(name)))
        return self._known[name].allowances

    async def run(self) -> None:
        """Keep it current until cancelled."""
        await (self._poll() if self._scopes else self._follow())

    async def _poll(self) -> None:
        while True:
            for name in self._scopes:
                try:
                    self._take("MODIFIED", self._parse(await self._api.read_namespace(name)))
                except KubeError as error:
                    # Without reading it nothing is known; `read_allowances` raises the error where it matters.
                    self._known.pop(name, None)
                    logger.warning("The allow-lists of namespace %s could not be read: %s", name, error.message)
            self.listed.set()
            await self._pause(POLL_SECONDS)

    async def _follow(self) -> None:
        reflector = Reflector(self._api, NAMESPACES, None, self._pulses.of(NAMESPACES.plural), self._parse)
        while True:
            try:
                await reflector.follow(self._replace, self._take)
            except NotFoundError:
                logger.debug("The watch of namespaces has lost its place.")
            except KubeError as error:
                logger.warning("Watching namespaces: %s", error.message)
            await self._pause(RECONNECT_SECONDS)

    def _replace(self, found: Iterable[tuple[str, Namespace]], _: str) -> None:
        """Replace the state by a list of all."""
        before, self._known = self._known, dict(found)
        self.listed.set()
        for name, now in self._known.items():
            self._report_allowances(name, before.get(name), now)
        if before != self._known:
            self._on_change()

    def _take(self, kind: str, found: tuple[str, Namespace]) -> None:
        name, seen = found
        before = self._known.pop(name, None)
        now = None if kind == "DELETED" else seen
        if now is not None:
            self._known[name] = now
            self._report_allowances(name, before, now)
        if before != now:
            self._on_change()

    def _report_allowances(self, name: str, before: Namespace | None, now: Namespace) -> None:
        if before is not None and before.allowances != now.allowances:
            self._on_allowances(name)

    def _parse(self, body: Mapping[str, Any]) -> tuple[str, Namespace]:
        metadata = body["metadata"]
        return metadata["name"], Namespace(
            metadata.get("labels") or {},
            bool(metadata.get("deletionTimestamp")),
            parse_allowances(metadata.get("annotations"), self.api_audiences, required=self._required),
        )
