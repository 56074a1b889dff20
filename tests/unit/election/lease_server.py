"""One Lease on a server that is reached over a bad line, and a loop whose time is simulated."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.simulated_day import JumpingClock, SimulatedLoop
from esc_operator.election.decision import Terms
from esc_operator.election.elector import Elector
from esc_operator.errors import ConflictError, KubeError, NotFoundError, UnavailableError
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from esc_operator.kube.paths import Resource

PLACE = Key("esc-system", "esc-operator")
TERMS = Terms(12)
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
FOR_EVER = 1e9


def simulate(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a story in which every wait takes its time, and none of ours."""
    loop = SimulatedLoop(JumpingClock())
    try:
        loop.run_until_complete(story())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def time() -> float:
    return asyncio.get_running_loop().time()


class LeaseServer:
    """Holds the Lease; `body` None where there is none. `holders` are all who ever held it, in order."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.holders: list[str] = []
        self._version = 0

    def read(self) -> dict[str, Any]:
        if self.body is None:
            raise NotFoundError("there is none")
        return copy.deepcopy(self.body)

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.body is not None:
            raise ConflictError("there is one")
        return self._store(copy.deepcopy(dict(body)))

    def patch(self, change: Mapping[str, Any]) -> dict[str, Any]:
        body = self.read()
        version = change["metadata"].get("resourceVersion")
        if version not in {None, body["metadata"]["resourceVersion"]}:
            raise ConflictError("it was changed")
        spec = {**body["spec"], **change.get("spec", {})}
        annotations = {**body["metadata"].get("annotations", {}), **change["metadata"].get("annotations", {})}
        body["metadata"]["annotations"] = {name: text for name, text in annotations.items() if text}
        new = {**body, "spec": {name: value for name, value in spec.items() if value is not None}}
        return copy.deepcopy(body) if new == self.read() else self._store(new)

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self.body = body
        holder = body["spec"].get("holderIdentity", "")
        if holder and self.holders[-1:] != [holder]:
            self.holders.append(holder)
        return copy.deepcopy(body)


@dataclass(frozen=True)
class Trip:
    """How one request fares, in seconds: until it takes effect, and from then until its answer is there."""

    there: float = 0.001
    back: float = 0.001
    fails: bool = False
    """It is answered by an error, in spite of its effect."""


class Line:
    """The verbs of one candidate; `trip` says how the next request fares, while it is `away` none gets through."""

    def __init__(self, server: LeaseServer, trip: Callable[[], Trip] = Trip) -> None:
        self._server = server
        self._under_way: set[asyncio.Task[dict[str, Any]]] = set()
        self.trip = trip
        self.away = False
        self.requests: list[str] = []

    async def read(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        return await self._send("read", self._server.read)

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._send("create", lambda: self._server.create(body))

    async def patch(self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._send("patch", lambda: self._server.patch(body))

    async def _send(self, verb: str, effect: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was sent takes effect whether or not somebody still waits for its answer."""
        self.requests.append(verb)
        if self.away:
            raise UnavailableError("away")
        task = asyncio.get_running_loop().create_task(self._travel(self.trip(), effect))
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()

    async def _travel(self, trip: Trip, effect: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        await asyncio.sleep(trip.there)
        answer: dict[str, Any] | KubeError
        try:
            answer = effect()
        except KubeError as error:
            answer = error
        await asyncio.sleep(trip.back)
        if trip.fails:
            raise UnavailableError("no answer")
        if isinstance(answer, KubeError):
            raise answer
        return answer


@dataclass
class Clocks:
    """What a machine takes the time to be: its clocks may be wrong by any amount, and go at a speed of their own."""

    offset: float = 0.0
    speed: float = 1.0

    def elapsed(self) -> float:
        return self.offset + self.speed * time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed())


def candidate(line: Line, identity: str, clocks: Clocks | None = None, **more: Any) -> Elector:
    clocks = clocks or Clocks()
    return Elector(line, PLACE, identity, TERMS, clock=clocks.elapsed, now=clocks.now, **more)
