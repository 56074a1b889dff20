"""What environments hold that can be revoked, and its revocation once their environment is gone and no pod uses it.

Owns that nothing is revoked under anyone: not while a pod runs that names the Secret, not while another environment
holds the same answer, nor while an opening may have got it. In memory only: what a former process has granted ends by
itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.driver.grants import Grant
from esc_operator.errors import ForbiddenError, KubeError
from esc_operator.evaluation import Failed
from esc_operator.kube.pages import PageLimits
from esc_operator.kube.paths import PODS
from esc_operator.resources.workloads import secrets_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from esc_operator.driver.opener import Opener
    from esc_operator.evaluation import OpenRecord
    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import EscEnvironment, Key

FIRST_LOOK, LONGEST_GAP = timedelta(seconds=1), timedelta(seconds=30)
LONGEST_WAIT = timedelta(days=1)
"""How long the pods of a deleted environment are looked at, where what they use does not end by itself."""

_FINISHED = frozenset({"Succeeded", "Failed"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Holding:
    """What one environment holds. `secret` has the values; `revokes`: it goes with the environment."""

    environment: Key
    secret: Key
    grants: frozenset[Grant]
    revokes: bool


class HeldGrants:
    """Belongs to one event loop; `run` revokes. `pause` waits for a number of seconds."""

    def __init__(
        self,
        api: KubeApi,
        opener: Opener,
        now: Callable[[], datetime],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._opener = opener
        self._now = now
        self._pause = pause
        self._held: dict[Key, _Holding] = {}
        self._released: asyncio.Queue[_Holding] = asyncio.Queue()
        self._numbers = itertools.count()
        self._openings: set[int] = set()

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Around an opening, until what it got is held."""
        number = next(self._numbers)
        self._openings.add(number)
        try:
            yield
        finally:
            self._openings.discard(number)

    def hold(self, environment: EscEnvironment, opens: Iterable[OpenRecord]) -> None:
        """Record what an environment has opened. What it held before is not renewed any more, and ends by itself: pods
        may have it until they are rolled."""
        grants = frozenset(record.grant for record in opens if isinstance(record.grant, Grant))
        if not grants or environment.cluster_scoped:
            self._held.pop(environment.key, None)
            return
        revokes = environment.target.deletion_policy == "Delete"
        self._held[environment.key] = _Holding(environment.key, environment.target_key, grants, revokes)

    def release(self, key: Key) -> None:
        """An environment is gone."""
        holding = self._held.pop(key, None)
        if holding is None or not holding.revokes:
            return
        for grant in holding.grants:
            if not self._is_held(grant):
                self._opener.logins.discard(grant.key)
        self._released.put_nowait(holding)

    async def run(self) -> None:
        """Revoke what was released; each by itself, because each waits for its own pods."""
        async with asyncio.TaskGroup() as group:
            while True:
                holding = await self._released.get()
                group.create_task(self._end(holding), name=f"revoking-{holding.environment}")

    async def _end(self, holding: _Holding) -> None:
        gap, began = FIRST_LOOK, self._now()
        waits_for = frozenset(self._openings)
        while grants := [grant for grant in holding.grants if self._is_alive(grant, began)]:
            await self._pause(gap.total_seconds())
            gap = min(gap * 2, LONGEST_GAP)
            if waits_for & self._openings:
                continue
            uses = await self._is_used(holding)
            if uses is None:
                return
            if uses:
                continue
            free = [grant for grant in grants if not self._is_held(grant)]
            # A renewal that was under way has put it back: an opening may have it since.
            if any([self._opener.logins.discard(grant.key) for grant in free]):  # noqa: C419 - all of them
                waits_for = frozenset(self._openings)
                continue
            await self._revoke(free, holding.environment)
            return

    async def _revoke(self, grants: Iterable[Grant], environment: Key) -> None:
        for grant in grants:
            outcome = await self._opener.revoke(grant)
            if isinstance(outcome, Failed):
                # It ends by itself.
                log = {"environment": str(environment), "reason": outcome.reason}
                _log.info("%s: what %s granted was not revoked", environment, grant.key.provider, extra=log)

    def _is_held(self, grant: Grant) -> bool:
        return any(grant in holding.grants for holding in self._held.values())

    def _is_alive(self, grant: Grant, began: datetime) -> bool:
        return self._now() < (grant.ends_at or began + LONGEST_WAIT)

    async def _is_used(self, holding: _Holding) -> bool | None:
        """Whether a pod that runs takes the Secret; None if the operator may not know."""
        secret = holding.secret

        def takes(pod: Mapping[str, Any]) -> bool:
            phase = (pod.get("status") or {}).get("phase")
            return phase not in _FINISHED and secret.name in secrets_of(pod.get("spec") or {})

        try:
            pods, _ = await self._api.list_all(PODS, secret.namespace, takes, PageLimits())
        except ForbiddenError as error:
            log = {"environment": str(holding.environment), "reason": error.reason}
            message = "%s: pods may not be listed, so nothing is revoked, and all of it ends by itself"
            _log.info(message, holding.environment, extra=log)
            return None
        except KubeError:
            return True  # it is looked at again
        return any(pods)
