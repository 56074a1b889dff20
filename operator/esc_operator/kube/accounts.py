"""Finds out when a ServiceAccount that environments wait for is there.

By asking for a token, as each of these environments will: so the operator needs no right to read ServiceAccounts. A
watch would need that right for all of them, and a connection for each that is missing, to be a few seconds earlier.
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
"""One that has been missing for long is asked for after each tenth of that time, and each minute in the end."""

AUDIENCE = "nobody.esc-operator.dev"
"""Nobody accepts a token for it; it is dropped at once."""


class MissingAccounts:
    """`wanted` says which accounts are waited for, `on_found` is told of each that is there."""

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
        """Look for them until cancelled."""
        while True:
            await self._pause(POLL_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Ask for those that it is time for."""
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
                return  # what is in the way of one is in the way of all, and told by others
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
        # A time that has yet to come is one of a clock that went wrong.
        return not (asked <= now < asked + gap)

    async def _exists(self, account: Key) -> bool:
        try:
            await self._api.request_token(*account, AUDIENCE)
        except IdentityError as error:
            if error.reason == reasons.SERVICE_ACCOUNT_MISSING:
                return False
            raise
        return True
