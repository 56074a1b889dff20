"""The probes: `/healthz` tells whether the process is alive, `/readyz` whether it does its part.

Both are answered from the start, and by those that stand by, which kopf's own endpoint is not. `/healthz` fails only
for what a restart would mend: never for an API server that is away.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiohttp import web

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from datetime import timedelta

    from esc_operator.election.elector import Elector

SILENCE = 120.0
"""Seconds. The scheduler looks at least each minute, and whoever stands by each second; what has not for so long stands
still."""

IDLE = 600.0
"""Seconds. A watch is opened again every five minutes at the latest; one for which nothing was done for so long stands
still."""


@dataclass(frozen=True, slots=True)
class Health:
    """`role` is told; `is_well` decides the status."""

    is_well: bool
    role: str
    text: str


class Watched:
    """What the probes look at. `beat` tells how long ago the scheduler looked, `most_idle` for which watch nothing was
    done for the longest time, and for how many seconds, `missing` which kinds are not served."""

    def __init__(
        self,
        beat: Callable[[], timedelta],
        most_idle: Callable[[], tuple[str, float]],
        elector: Elector | None,
        missing: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._missing = missing
        self._beat = beat
        self._most_idle = most_idle
        self._elector = elector
        self.works = False
        """Whether all is listed and the reconciler runs."""

    def is_alive(self) -> Health:
        if self._elector is not None and not self._elector.holds:
            since = self._elector.age
            return Health(since <= SILENCE, "standing by", f"looked at the lease {since:.0f}s ago")
        plural, idle = self._most_idle()
        if idle > IDLE:
            return Health(False, "leading", f"the watch of {plural} has stood still for {idle:.0f}s")
        if not self.works:
            return Health(True, "leading", "starting")
        since = self._beat().total_seconds()
        return Health(since <= SILENCE, "leading", f"looked at the schedule {since:.0f}s ago")

    def is_ready(self) -> Health:
        """Whoever stands by is ready to take over as long as it can look at the lease. A kind that is not served is
        told, and no reason not to be ready: no other replica could work on it."""
        alive, elector = self.is_alive(), self._elector
        if elector is not None and not elector.holds:
            if elector.can_look:
                return alive
            why = f": {elector.trouble}" if elector.trouble else ""
            return replace(alive, is_well=False, text=f"has not seen the lease for {elector.blind_for:.0f}s{why}")
        text = alive.text + "".join(f"; {kind} is not served" for kind in self._missing())
        return replace(alive, is_well=alive.is_well and self.works, text=text)


@contextlib.asynccontextmanager
async def serve_health(address: str, watched: Watched) -> AsyncIterator[None]:
    """Answer while the block lasts. `address` is HOST:PORT, "" for nowhere. Raises ConfigurationError."""
    if not address:
        yield
        return
    answers = {"/healthz": watched.is_alive, "/readyz": watched.is_ready}

    async def handle(request: web.BaseRequest) -> web.Response:
        answer = web.Response(status=404)
        if request.path in answers:
            found = answers[request.path]()
            told = {"role": found.role, "state": found.text}
            answer = web.json_response(told, status=200 if found.is_well else 503)
        answer.force_close()  # kopf's end would wait for a connection that is kept
        return answer

    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise ConfigurationError(f"--health-address has to be HOST:PORT, not {address!r}")
    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        except OSError as error:
            raise ConfigurationError(f"cannot answer probes on {address}: {error.strerror}") from error
        yield
    finally:
        await runner.cleanup()
