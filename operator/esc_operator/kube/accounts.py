"""Finds out when a ServiceAccount that environments wait for exists.

It requests a token, as these environments will: so the operator needs no right to read ServiceAccounts. A watch would
need that right for all of them, and a connection for each missing one, and notice it only a few seconds earlier.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import EscError, IdentityError, UnavailableError
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import Key

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
LONGEST_GAP = timedelta(seconds=60)
PATIENCE = 10
"""One that has been missing for some time is tried again after a tenth of that time, at least each minute."""

AUDIENCE = "nobody.esc-operator.dev"
"""No service accepts tokens for it; the token is dropped at once."""


class MissingAccounts:
    """`wanted` returns the accounts that environments wait for, `on_found` is called with each that exists."""

    def __init__(
        self,
        api: KubeApi,
        wanted: Callable[[], Collection[Key]],
        on_found: Callable[[Key], None],
        now: Callable[[], datetime],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._on_found = on_found
        self._now = now
        self._pause = pause
        self._since: dict[Key, datetime] = {}
        self._asked: dict[Key, datetime] = {}

    async def run(self) -> None:
        """Try them until cancelled."""
        while True:
            await self._pause(POLL_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Try those that are due."""
        now, wanted = self._now(), self._wanted()
        self._since = {account: self._since.get(account, now) for account in wanted}
        self._asked = {account: time for account, time in self._asked.items() if account in self._since}
        for account in wanted:
            if not self._is_time(account, now):
                continue
            self._asked[account] = now
            try:
                found = await self._exists(account)
            except UnavailableError:
                return  # this failure affects all of them, and other parts report it
            except EscError as error:
                logger.warning("Looking for ServiceAccount %s: %s", account, error.message)
                continue
            if found:
                self._on_found(account)

    def _is_time(self, account: Key, now: datetime) -> bool:
        asked = self._asked.get(account)
        if asked is None:
            return True
        gap = min((asked - self._since[account]) / PATIENCE, LONGEST_GAP)
        # A time in the future comes from a wrong clock.
        return not (asked <= now < asked + gap)

    async def _exists(self, account: Key) -> bool:
        try:
            await self._api.request_token(*account, AUDIENCE)
        except IdentityError as error:
            if error.reason == reasons.SERVICE_ACCOUNT_MISSING:
                return False
            raise
        return True
