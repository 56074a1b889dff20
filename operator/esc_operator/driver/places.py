"""A limited number of places, with a rate limit, which namespaces take by turns.

A namespace with thousands of calls has one turn in each round, like one with a single call. Nor can calls that take a
minute each hold all places: the more a namespace holds, the more have to be free before it gets another one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from esc_operator.driver.deadline_queue import DeadlineQueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from esc_operator.driver.rate import TokenBucket

SHARE = 3
"""A namespace gets another place while it holds fewer than this many times the free ones.

So one alone gets three quarters of them, several get equal parts, and some stay free for the next namespace, without a
limit for each namespace that an administrator would have to choose."""


class _Tenant:
    """A namespace that holds places or waits for one."""

    __slots__ = ("held", "queue")

    def __init__(self) -> None:
        self.queue = DeadlineQueue()
        self.held = 0


class Pace:
    """A rate of starts a second, with a clock and a way to wait."""

    def __init__(
        self, bucket: TokenBucket, now: Callable[[], datetime], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        self.bucket, self.now, self.sleep = bucket, now, sleep


class Places:
    """Belongs to one event loop. Each `enter` that returns is followed by one `leave` of the same tenant.

    A token of the pace is taken only when a call has its turn: a waiting call holds none.
    """

    def __init__(self, places: int, pace: Pace | None = None) -> None:
        self._free = places
        self._pace = pace
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()  # whose turn is next comes first
        self._has_token = False
        self._next_token: asyncio.Task[None] | None = None

    async def enter(self, tenant: str, deadline: datetime | None = None) -> None:
        """Wait for a place. `deadline`: when the credentials to renew expire; None for new ones."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        one = self._tenants.setdefault(tenant, _Tenant())
        one.queue.push(waiter, deadline)
        self._serve()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.leave(tenant, unused=True)  # it got the place at the moment of its cancellation
            else:
                self._drop_idle(tenant)
            raise

    def leave(self, tenant: str, *, unused: bool = False) -> None:
        """Give the place to the next call, and with it the token if no call was made."""
        self._free += 1
        self._tenants[tenant].held -= 1
        self._has_token = self._has_token or (unused and self._next_token is None)
        self._serve()
        self._drop_idle(tenant)

    def _serve(self) -> None:
        while self._next_token is None and (tenant := self._whose_turn()) is not None:
            if not self._take_token():
                return
            self._give(tenant)

    def _whose_turn(self) -> str | None:
        if not self._free:
            return None
        return next((name for name, one in self._tenants.items() if one.queue and self._may_hold_more(one)), None)

    def _may_hold_more(self, one: _Tenant) -> bool:
        return not one.held or one.held < SHARE * self._free

    def _give(self, tenant: str) -> None:
        one = self._tenants[tenant]
        one.queue.pop().set_result(None)
        one.held += 1
        self._free -= 1
        self._has_token = False
        self._tenants.move_to_end(tenant)

    def _take_token(self) -> bool:
        """Whether a call may start now; if not, schedule the next check."""
        if self._pace is not None and not self._has_token:
            wait = self._pace.bucket.reserve(self._pace.now()).total_seconds()
            if wait:
                self._next_token = asyncio.create_task(self._await_token(self._pace, wait), name="next-token")
                return False
        return True

    async def _await_token(self, pace: Pace, seconds: float) -> None:
        await pace.sleep(seconds)
        self._next_token = None
        # The token is lost if no call waits any more.
        self._has_token = any(one.queue for one in self._tenants.values())
        self._serve()

    def _drop_idle(self, tenant: str) -> None:
        one = self._tenants.get(tenant)
        if one is not None and not one.held and not one.queue:
            del self._tenants[tenant]
