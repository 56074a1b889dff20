"""Tokens of ServiceAccounts for clouds and stores: one serves all exchanges within a short time.

A token is the API server's most expensive answer (it signs), and when many environments are synced at once, many use
the same ServiceAccount. Invariant: a token serves only its own ServiceAccount and audience, and only for `SHARED` of
the ten minutes that it is valid: so a ServiceAccount that was deleted, or created again, is noticed almost as soon as
if each exchange had a token of its own. Tokens are kept in memory only."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.providers.port import IdentityToken
    from esc_operator.resources.environment import Key

SHARED = timedelta(seconds=5)


class Use(NamedTuple):
    """The ServiceAccount and the audience of a token."""

    account: Key
    audience: str


class IdentityTokens:
    """Belongs to one event loop."""

    def __init__(self, api: KubeApi, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._kept: OrderedDict[Use, tuple[datetime, IdentityToken]] = OrderedDict()
        # A lock lives as long as a task holds or awaits it.
        self._locks: WeakValueDictionary[Use, asyncio.Lock] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"IdentityTokens({len(self._kept)} kept)"

    async def token(self, account: Key, audience: str) -> IdentityToken:
        """A token of a ServiceAccount for one audience. Raises KubeError, and IdentityError if there is no such
        ServiceAccount; a failure is not shared."""
        use = Use(account, audience)
        lock = self._locks.setdefault(use, asyncio.Lock())
        async with lock:
            self._drop(self._now())
            if use not in self._kept:
                token = await self._api.request_token(*account, audience)
                self._kept[use] = self._now(), token
            return self._kept[use][1]

    def _drop(self, now: datetime) -> None:
        """Forget the tokens that are no longer shared; they are in the order of their requests."""
        while self._kept:
            given_at, _ = next(iter(self._kept.values()))
            # A time in the future comes from a clock that was set back.
            if given_at <= now < given_at + SHARED:
                break
            self._kept.popitem(last=False)
