"""The probes: `/healthz` says whether the process is alive, `/readyz` whether it is ready to work or to take over.

Both answer from the start, also on a standby; kopf's own endpoint does not. `/healthz` fails only if a restart would
help: never because the API server is unavailable.
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
"""Seconds. The scheduler runs at least each minute, a standby reads the lease each second; longer silence means that
they hang."""

IDLE = 600.0
"""Seconds. A watch is opened again every five minutes at the latest; without any activity for this long it hangs."""


@dataclass(frozen=True, slots=True)
class Health:
    """`role` is shown; `is_well` decides the HTTP status."""

    is_well: bool
    role: str
    text: str


class Watched:
    """The state that the probes report. `beat`: seconds since the scheduler last ran; `most_idle`: the watch that was
    inactive for the longest time, and its seconds; `missing`: the kinds that are not served; `outdated`: what to say of
    those whose definition is older than the operator."""

    def __init__(
        self,
        beat: Callable[[], timedelta],
        most_idle: Callable[[], tuple[str, float]],
        elector: Elector | None,
        missing: Callable[[], Collection[str]] = tuple,
        outdated: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._missing = missing
        self._outdated = outdated
        self._beat = beat
        self._most_idle = most_idle
        self._elector = elector
        self.works = False
        """Whether everything is listed and the reconciler runs."""

    def is_alive(self) -> Health:
        if self._elector is not None and not self._elector.holds:
            since = self._elector.age
            return Health(since <= SILENCE, "standing by", f"read the lease {since:.0f}s ago")
        plural, idle = self._most_idle()
        if idle > IDLE:
            return Health(False, "leading", f"the watch of {plural} has been inactive for {idle:.0f}s")
        if not self.works:
            return Health(True, "leading", "starting")
        since = self._beat().total_seconds()
        return Health(since <= SILENCE, "leading", f"ran the schedule {since:.0f}s ago")

    def is_ready(self) -> Health:
        """A standby is ready to take over as long as it can read the lease. A kind that is not served, or is outdated,
        is shown, but the replica stays ready: no other replica could work on it."""
        alive, elector = self.is_alive(), self._elector
        if elector is not None and not elector.holds:
            if elector.can_look:
                return alive
            why = f": {elector.trouble}" if elector.trouble else ""
            return replace(alive, is_well=False, text=f"could not read the lease for {elector.blind_for:.0f}s{why}")
        amiss = [*(f"{kind} is not served" for kind in self._missing()), *self._outdated()]
        text = "; ".join([alive.text, *amiss])
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
        answer.force_close()  # kopf's shutdown would wait for a connection that is kept open
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
