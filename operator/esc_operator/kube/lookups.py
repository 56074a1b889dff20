"""Looks up Secrets that the informer does not know: they do not exist, or do not have our label.

Owns how many requests that takes. When many environments of a namespace are synced for the first time, one list of the
foreign Secrets there answers for all of them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from esc_operator.errors import NotFoundError
from esc_operator.kube.api import METADATA_LIST
from esc_operator.kube.paths import SECRETS
from esc_operator.kube.secret_informer import SecretMetadata, parse_secret_metadata
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import Key

NOT_OURS = f"{MANAGED_BY_LABEL}!={MANAGED_BY}"
ALONE = 2
"""How many are looked up one by one in a namespace at a time; further ones share a list."""
CROWD = 100
"""In a namespace with more foreign Secrets, each is looked up by its name: a list would cost more."""
GOOD_SECONDS = 1.0
"""How long a list is used. The write detects a Secret that appears after the look-up, at a higher cost."""


@dataclass(frozen=True, slots=True)
class _Foreign:
    """The foreign Secrets of a namespace, and when the list was requested."""

    asked_at: float
    secrets: Mapping[str, SecretMetadata]


@dataclass(eq=False, slots=True)
class _Looking:
    """The look-ups of one namespace, while there are any. `joining` is the list for new look-ups: it was not requested
    yet, because the previous one is running."""

    count: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    joining: asyncio.Task[_Foreign | None] | None = None


class Lookups:
    """`clock` counts seconds."""

    def __init__(self, api: KubeApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._looking: dict[str, _Looking] = {}
        self._listed: dict[str, _Foreign] = {}
        self._crowded: set[str] = set()

    async def look(self, key: Key, since: float) -> SecretMetadata | None:
        """The metadata of a Secret at `since`, by the clock, or later; None if it did not exist. One with our label may
        be missing too: the informer learns of it in a moment. Raises KubeError."""
        listed = self._listed.get(key.namespace)
        if listed and since <= listed.asked_at and self._clock() - listed.asked_at < GOOD_SECONDS:
            return listed.secrets.get(key.name)
        looking = self._looking.setdefault(key.namespace, _Looking())
        looking.count += 1
        try:
            if looking.count > ALONE and key.namespace not in self._crowded:
                found = await self._share(key.namespace, looking)
                if found is not None:
                    return found.secrets.get(key.name)
            return await self._look_alone(key)
        finally:
            looking.count -= 1
            if not looking.count:
                del self._looking[key.namespace]

    async def _look_alone(self, key: Key) -> SecretMetadata | None:
        try:
            return parse_secret_metadata(await self._api.read_metadata(SECRETS, *key))
        except NotFoundError:
            return None

    async def _share(self, namespace: str, looking: _Looking) -> _Foreign | None:
        if looking.joining is None:
            looking.joining = asyncio.create_task(self._list(namespace, looking), name=f"lookup-{namespace}")
        # A cancelled look-up leaves the list to the others.
        return await asyncio.shield(looking.joining)

    async def _list(self, namespace: str, looking: _Looking) -> _Foreign | None:
        """None if there are too many."""
        async with looking.turn:
            looking.joining, now = None, self._clock()
            query = {"labelSelector": NOT_OURS, "limit": str(CROWD)}
            page = await self._api.list_page(SECRETS, namespace, parse_secret_metadata, accept=METADATA_LIST, **query)
        if page.token:
            self._crowded.add(namespace)
            return None
        found = _Foreign(now, {secret.key.name: secret for secret in page.items})
        self._listed = {name: one for name, one in self._listed.items() if now - one.asked_at < GOOD_SECONDS}
        self._listed[namespace] = found
        return found
