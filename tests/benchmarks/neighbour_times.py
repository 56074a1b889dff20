"""How long one namespace waits for its environments, as it sees that itself.

It creates them at a steady pace, plain ones and ones that log in, whether or not those before them are served. Its
process does little else, and shows by how much its own loop was late: no time is known better than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.bare_client import BareClient, for_each
from benchmarks.neighbour_attacks import environment, logging_in
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.sts_double import StsDouble

NEIGHBOUR = "blue"
ACCOUNT_ID = "111111111111"
PACE = 0.5
"""Seconds between two new environments of a kind."""
PATIENCE = 15.0
"""Seconds after which an environment that is not served counts as one that took so long."""
STANDING = 20
"""Environments whose credentials are due one after the other while the attacks go on."""
LOOK_SECONDS = 0.02


@dataclass
class Times:
    """In seconds. `new` and `login` run from an environment's creation to the status that tells of its first sync,
    `creation` is what the API server took to create it, `delivery` until its own watch told of that, `provider` are our
    own calls of the provider, `lag` is how late our own loop was."""

    new: list[float] = field(default_factory=list)
    login: list[float] = field(default_factory=list)
    creation: list[float] = field(default_factory=list)
    delivery: list[float] = field(default_factory=list)
    provider: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)

    @property
    def new_p95(self) -> float:
        return p95(self.new)

    @property
    def login_p95(self) -> float:
        """Over the provider's own time."""
        return max(0.0, p95(self.login) - statistics.median(self.provider))


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


class Neighbour:
    """Watches its namespace, and creates environments there. While nobody serves them, it waits until its watch has
    told of each."""

    def __init__(self, client: BareClient, sts: StsDouble) -> None:
        self._client = client
        self._sts = sts
        self._over: dict[str, asyncio.Future[None]] = {}
        self._heard: dict[str, float] = {}
        self._numbers = 0
        self.is_served = False
        self.expired: set[str] = set()

    async def watch(self) -> None:
        """Until cancelled. An API server ends a watch now and then; a new one begins with what there is."""
        while True:
            async for line in self._client.watch(ENVIRONMENTS.path(NEIGHBOUR)):
                self._see(json.loads(line)["object"])
            await asyncio.sleep(LOOK_SECONDS)

    def _see(self, body: dict[str, Any]) -> None:
        name, reason = body["metadata"]["name"], ready_reason(body)
        if name in self._over:
            self._heard.setdefault(name, time.perf_counter())
        if reason == reasons.EXPIRED:
            self.expired.add(name)
        is_over = reason == reasons.SYNCED or not self.is_served
        if is_over and (over := self._over.get(name)) and not over.done():
            over.set_result(None)

    async def furnish(self, seconds: float) -> None:
        """Environments whose credentials have to be renewed one after the other within the next seconds."""
        names = [f"standing-{number:02d}" for number in range(STANDING)]
        now = time.time()
        due = {f"{NEIGHBOUR}.{name}": now + 30 + place * seconds / STANDING for place, name in enumerate(names)}
        self._sts.fall_due_at(due)
        await for_each(names, STANDING, self._login_until_served)

    async def _login_until_served(self, name: str) -> None:
        if await self._time(logging_in(name, NEIGHBOUR, ACCOUNT_ID), Times()) >= PATIENCE:
            raise RuntimeError(f"{name} was not served before anything was tried")

    async def keep_creating(self, times: Times, until: asyncio.Event) -> None:
        """A new one of each kind at each step; ends when the last of them is served."""
        looking = asyncio.create_task(self._look_at_own_lag(times))
        async with asyncio.TaskGroup() as group:
            while not until.is_set():
                self._numbers += 1
                plain = environment(f"plain-{self._numbers}", NEIGHBOUR, {"environmentVariables": {"A": "1"}})
                login = logging_in(f"login-{self._numbers}", NEIGHBOUR, ACCOUNT_ID)
                group.create_task(self._note(plain, times.new, times))
                group.create_task(self._note(login, times.login, times))
                group.create_task(self._call_provider(times))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(until.wait(), PACE)
        looking.cancel()

    async def _note(self, body: dict[str, Any], noted: list[float], times: Times) -> None:
        noted.append(await self._time(body, times))
        await self._client.send("DELETE", ENVIRONMENTS.path(NEIGHBOUR, body["metadata"]["name"]))

    async def _time(self, body: dict[str, Any], times: Times) -> float:
        name = body["metadata"]["name"]
        over = self._over[name] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._client.send("POST", ENVIRONMENTS.path(NEIGHBOUR), body)
        times.creation.append(time.perf_counter() - began)
        try:
            async with asyncio.timeout(PATIENCE):
                await over
        except TimeoutError:
            return PATIENCE
        finally:
            del self._over[name]
            times.delivery.append(self._heard.pop(name, began + PATIENCE) - began)
        return time.perf_counter() - began

    async def _call_provider(self, times: Times) -> None:
        times.provider.append(await self._client.time_form(self._sts.endpoint, self._sts.call_of_ours()))

    async def _look_at_own_lag(self, times: Times) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LOOK_SECONDS)
            times.lag.append(time.perf_counter() - began - LOOK_SECONDS)


def ready_reason(body: dict[str, Any]) -> str:
    """That of an environment's condition Ready, "" where it has none."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((str(one["reason"]) for one in conditions if one["type"] == "Ready"), "")
