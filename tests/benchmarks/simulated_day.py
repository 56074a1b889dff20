"""A day of an operator in simulated time: every refresh ahead of expiry, and how evenly the calls are spread.

The real reconciler, queue, scheduler, informer and rollouts run, with the real gate before the provider, on an event
loop whose clock jumps to whatever comes next; only the API server and the provider are played. All environments exist
before the operator first starts. In the middle of the day its process is killed and another one takes over.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import selectors
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from benchmarks.bare_client import figure
from esc_operator.driver.gate import Gate, Limits
from esc_operator.driver.opener import OPEN_AT_ONCE
from esc_operator.driver.services import Place
from esc_operator.errors import ConflictError, NotFoundError
from esc_operator.formats.times import format_time
from esc_operator.handlers.options import Options
from esc_operator.kube.api import KubeApi
from esc_operator.kube.pages import Page
from esc_operator.kube.paths import SECRETS, Resource
from esc_operator.kube.secret_informer import SecretInformer
from esc_operator.providers.aws.login import STS_RATE
from esc_operator.reconciliation.controller.reconciler import Reconciler
from esc_operator.reconciliation.controller.workers import Workers
from esc_operator.reconciliation.opening.definitions import Definitions
from esc_operator.reconciliation.rollouts.status import Rollouts
from esc_operator.reconciliation.sync.act import Actor
from esc_operator.reconciliation.sync.gather import Gatherer
from esc_operator.reconciliation.sync.outcome import CheckedValues, Imports, OpenedValues
from esc_operator.reconciliation.sync.shared import make_shared
from esc_operator.renewal.schedule import Window, renew_at
from esc_operator.resources.environment import Key
from esc_operator.resources.sync_record import parse_sync_record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.worker import Worker
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.sync_record import SyncRecord

T = TypeVar("T")

FIGURES = (
    "day_expired_moments",
    "day_mints",
    "day_provider_calls_peak_per_second",
    "day_api_writes_peak_per_second",
    "day_restart_bunching",
    "day_pods_expired_moments",
)

START = datetime(2026, 5, 1, tzinfo=UTC)
LIFETIME = timedelta(hours=1)
NAMESPACES = 100

READ_SECONDS, WRITE_SECONDS, LOGIN_SECONDS = 0.005, 0.010, 0.2
ECHO_SECONDS = 0.006
"""So long after it took effect a watch tells of a write: a little later than its own answer."""
POD_SECONDS = 15.0
"""How long each of the two pods of a workload takes to be replaced."""
FIRST_HOUR = 3600
AFTER_RESTART = timedelta(minutes=15)


def main(_: list[str]) -> None:
    logging.disable(logging.WARNING)
    began = time.process_time()
    day = Day(environments=10_000, rolled=100)
    day.play()
    result = day.result()
    figure("day_expired_moments", result.expired, "Secrets", least_seconds_left=result.least_seconds_left)
    figure("day_mints", result.mints, "calls", expected=result.expected_mints, lost_by_the_kill=result.lost)
    figure("day_provider_calls_peak_per_second", result.calls.peak, "calls/s", **result.calls.more())
    figure("day_api_writes_peak_per_second", result.writes.peak, "writes/s", **result.writes.more())
    figure(
        "day_restart_bunching",
        result.bunching,
        "x mean calls a minute",
        busiest_minute_of_all=result.busiest_minute,
        writes_without_a_refresh=result.idle_writes,
        lists=result.workload_lists,
    )
    figure(
        "day_pods_expired_moments",
        result.pods_expired,
        "pods",
        rollouts=result.rollouts,
        expected_rollouts=result.expected_rollouts,
        cpu_seconds=round(time.process_time() - began, 1),
    )


class JumpingClock(selectors.SelectSelector):
    """Waits for nothing: where a loop would sleep, its time is put forward."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and for nothing")
        self.seconds += max(timeout, 0.0)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: JumpingClock) -> None:
        super().__init__(clock)
        self._jumping_clock = clock
        self.set_exception_handler(_fail)

    def time(self) -> float:
        return self._jumping_clock.seconds


def _fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What fails outside of any task is not to be passed over."""
    raise SystemExit(context.get("message")) from context.get("exception")


@dataclass(frozen=True)
class Rate:
    """The most in any second, from the second hour on, and the mean a second."""

    peak: int
    later_peak: int
    mean: float

    def more(self) -> dict[str, float]:
        return {"after_the_first_hour": self.later_peak, "mean": self.mean}


@dataclass(frozen=True)
class Result:
    """`expired` counts the times at which a Secret held dead credentials, `pods_expired` those at which a pod did.
    `lost` are the credentials that the killed process had in hand. `idle_writes` are writes of statuses of environments
    that roll nothing, beyond one for each refresh."""

    expired: int
    least_seconds_left: float
    mints: int
    expected_mints: int
    lost: int
    calls: Rate
    writes: Rate
    bunching: float
    busiest_minute: float
    idle_writes: int
    workload_lists: int
    pods_expired: int
    rollouts: int
    expected_rollouts: int


class Lease(NamedTuple):
    """What a Secret holds. `due_at`: when it is to be renewed; rollouts that take half a minute do not change that."""

    expires_at: datetime
    due_at: datetime


@dataclass
class Workload:
    """A Deployment with two pods. `pods_expire_at`: when the credentials that its oldest pod holds die."""

    body: dict[str, Any]
    secret: Key
    pods_expire_at: datetime | None = None


@dataclass
class Day:
    """`rolled` of the environments have a Deployment whose pods are replaced at every refresh."""

    environments: int
    rolled: int = 0
    span: timedelta = timedelta(hours=24)
    downtime: timedelta = timedelta(seconds=15)
    options: Options = field(default_factory=Options)

    def play(self) -> None:
        self.clock = JumpingClock()
        self.cluster = Cluster(self.now)
        self.provider = Provider(self)
        for number in range(self.environments):
            self.cluster.add(number, rolled=number < self.rolled)
        with asyncio.Runner(loop_factory=lambda: SimulatedLoop(self.clock)) as runner:
            runner.run(self._pass())

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock.seconds)

    async def _pass(self) -> None:
        await self._operate(self.span / 2)
        self.lost = len(self.provider.in_hand)
        await asyncio.sleep(self.downtime.total_seconds())
        self.restarted_at = self.now()
        await self._operate(START + self.span - self.now(), drain=True)

    async def _operate(self, span: timedelta, *, drain: bool = False) -> None:
        """Run a process for so long, and kill it; or let it finish what is under way."""
        secrets = SecretInformer(self.cluster, ())
        gatherer, actor = Gatherer(self.cluster, secrets), Actor(self.cluster, secrets, self.now)
        self.provider.begin()
        rollouts = Rollouts(self.cluster, self.now, self.options.rollouts)
        reconciler = Reconciler(
            make_shared(gatherer, actor, self.now), self.provider, rollouts, definitions=Definitions(self.cluster)
        )
        secrets.listen(reconciler.event_handlers.on_secret)
        tasks = [asyncio.create_task(secrets.run())]
        await secrets.listed.wait()
        self.cluster.reconciler = reconciler
        for body in list(self.cluster.environments.values()):
            reconciler.event_handlers.on_environment(body, deleted=False)
        tasks.append(asyncio.create_task(reconciler.run(Workers(general=self.options.workers))))
        await asyncio.sleep(span.total_seconds())
        self.ended_at = self.now()
        if drain:
            await reconciler.queue.close()
        self.cluster.reconciler = None
        failed = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if failed:
            raise RuntimeError("the operator ended by itself") from failed[0]

    def result(self) -> Result:
        cluster, minutes = self.cluster, Counter[int]()
        for second, count in self.provider.calls.items():
            minutes[second // 60] += count
        restart = int((self.restarted_at - START).total_seconds()) // 60
        after = range(restart, restart + int(AFTER_RESTART.total_seconds()) // 60)
        mean = sum(minutes.values()) / (self.span.total_seconds() / 60)
        plain = [key for key in cluster.environments if key not in cluster.workloads]
        return Result(
            expired=cluster.expired + sum(held.expires_at < self.ended_at for held in cluster.held.values()),
            least_seconds_left=round(cluster.least_left.total_seconds(), 1),
            mints=sum(self.provider.calls.values()),
            expected_mints=self.environments + cluster.count_renewals_due(self.ended_at) + self.lost,
            lost=self.lost,
            calls=self._rate(self.provider.calls),
            writes=self._rate(cluster.writes),
            bunching=round(max(minutes[minute] for minute in after) / mean, 2),
            busiest_minute=round(max(minutes.values()) / mean, 2),
            idle_writes=sum(cluster.statuses[key] - cluster.refreshes[key] for key in plain),
            workload_lists=cluster.workload_lists,
            pods_expired=cluster.count_pods_expired(self.ended_at),
            rollouts=cluster.rollouts,
            expected_rollouts=sum(cluster.refreshes[one.secret] - 1 for one in cluster.workloads.values()),
        )

    def _rate(self, counts: Counter[int]) -> Rate:
        later = max((count for second, count in counts.items() if second >= FIRST_HOUR), default=0)
        return Rate(max(counts.values()), later, round(sum(counts.values()) / self.span.total_seconds(), 2))


class Provider:
    """Opens environments as the operator's opener does, but for the evaluation and the call itself.

    `calls` counts calls by the second of the day; `in_hand` are environments whose credentials have not been written.
    """

    def __init__(self, day: Day) -> None:
        self.calls: Counter[int] = Counter()
        self.in_hand: set[Key] = set()
        self._day = day
        day.cluster.on_written = self.in_hand.discard

    def begin(self) -> None:
        """A new process."""
        rate = self._day.options.provider_rate or STS_RATE
        limits = Limits(OPEN_AT_ONCE, rate, int(2 * rate))
        self._gate = Gate("login", limits, now=self._day.now, sleep=asyncio.sleep, on_recovery=lambda _: None)

    async def look(self, environment: EscEnvironment) -> Imports:
        return Imports()

    async def check(self, environment: EscEnvironment, worker: Worker) -> CheckedValues:
        return CheckedValues(exports=True, imports=Imports())

    async def __call__(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues:
        call = self._gate.call(Place(environment.key.namespace, "sts", ""))
        async with worker.away(), call:
            now = self._day.now()
            second = int(self._day.clock.seconds)
            self.calls[second] += 1
            self.in_hand.add(environment.key)
            await asyncio.sleep(LOGIN_SECONDS)
        token = base64.b64encode(f"{environment.key} {now.timestamp()}".encode()).decode()
        data = {"AWS_ACCESS_KEY_ID": token, "AWS_SECRET_ACCESS_KEY": token, "AWS_SESSION_TOKEN": token}
        opened = OpenedValues(data, Window(now, now + LIFETIME), rereads=False, imports=Imports())
        call.end(opened)
        return opened


class Cluster(KubeApi):
    """An API server that keeps no books but its own: nothing is copied, since nobody changes what it is given.

    `writes` counts requests by the second of the day, `refreshes` and `statuses` those of each environment's Secret and
    status. `held` is what each Secret holds.
    """

    def __init__(self, now: Any) -> None:
        self.environments: dict[Key, dict[str, Any]] = {}
        self.secrets: dict[Key, dict[str, Any]] = {}
        self.workloads: dict[Key, Workload] = {}
        self.writes: Counter[int] = Counter()
        self.refreshes: Counter[Key] = Counter()
        self.held: dict[Key, Lease] = {}
        self.statuses: Counter[Key] = Counter()
        self.expired = self.renewed_when_due = self.pods_expired = self.rollouts = self.workload_lists = 0
        self.least_left = LIFETIME
        self.reconciler: Reconciler | None = None
        self.on_written: Any = lambda _: None
        self._now = now
        self._version = 1000
        self._watches: list[asyncio.Queue[bytes]] = []

    def add(self, number: int, *, rolled: bool) -> None:
        key = Key(f"team-{number % NAMESPACES}", f"env-{number}")
        metadata = {"namespace": key.namespace, "name": key.name, "uid": f"uid-{number}", "generation": 1}
        policy = {"rollout": {"policy": "OnChange"}} if rolled else {}
        spec = {"environment": {"values": {}}, **policy}
        self.environments[key] = {"metadata": {**metadata, "resourceVersion": self._next()}, "spec": spec}
        if rolled:
            self.workloads[key] = self._workload(key, number)

    def _workload(self, key: Key, number: int) -> Workload:
        metadata = {
            "name": key.name,
            "uid": f"workload-{number}",
            "generation": 1,
            "resourceVersion": self._next(),
            "creationTimestamp": format_time(START - timedelta(days=1)),
        }
        pod = {"containers": [{"envFrom": [{"secretRef": {"name": key.name}}]}]}
        body = {"metadata": metadata, "spec": {"replicas": 2, "template": {"spec": pod}}}
        return Workload({**body, "status": _pods(1, 2)}, key)

    def count_renewals_due(self, now: datetime) -> int:
        """How many renewals there have to have been until now, by arithmetic alone."""
        return self.renewed_when_due + sum(held.due_at <= now for held in self.held.values())

    def count_pods_expired(self, now: datetime) -> int:
        """How often a pod has held dead credentials until now."""
        alive = [one.pods_expire_at for one in self.workloads.values() if one.pods_expire_at]
        return self.pods_expired + sum(expire_at < now for expire_at in alive)

    async def close(self) -> None:
        return

    async def read(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        await asyncio.sleep(READ_SECONDS)
        found = (self.secrets if resource is SECRETS else self.environments).get(Key(namespace or "", name))
        if found is None:
            raise NotFoundError(f"{resource.plural} {name}")
        return found

    async def read_metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        return await self.read(resource, namespace, name)

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None,
        each: Callable[[dict[str, Any]], T],
        *,
        accept: str = "",
        **query: str,
    ) -> Page[T]:
        await asyncio.sleep(READ_SECONDS)
        if resource is SECRETS:
            return Page([each(body) for body in self.secrets.values()], {"resourceVersion": str(self._version)})
        self.workload_lists += 1
        if resource.kind == "Rollout":
            raise NotFoundError("there is no such resource")
        found = [one.body for key, one in self.workloads.items() if key.namespace == namespace]
        taken = [each(body) for body in found] if resource.kind == "Deployment" else []
        return Page(taken, {"resourceVersion": str(self._version)})

    async def apply(
        self, resource: Resource, body: Mapping[str, Any], *, force: bool, whole: bool = False
    ) -> dict[str, Any]:
        await self._write()
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        former = self.secrets.get(key)
        if former and metadata.get("resourceVersion") != former["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        seen = {**metadata, "uid": f"secret-{key}", "resourceVersion": self._next()}
        self.secrets[key] = {**body, "metadata": seen}
        self._take(key, parse_sync_record(seen["annotations"]))
        asyncio.get_running_loop().call_later(ECHO_SECONDS, self._tell, "MODIFIED" if former else "ADDED", seen)
        await asyncio.sleep(WRITE_SECONDS / 2)
        return self.secrets[key] if whole else {"metadata": seen}

    def _take(self, key: Key, record: SyncRecord | None) -> None:
        """Other credentials are in a Secret."""
        if record is None or record.expires_at is None:
            raise RuntimeError(f"Secret {key} does not say when it expires")
        if former := self.held.get(key):
            left = former.expires_at - self._now()
            self.expired += left < timedelta(0)
            self.least_left = min(self.least_left, left)
            self.renewed_when_due += former.due_at <= record.issued_at
        due_at = renew_at(Window(record.issued_at, record.expires_at), None, record.uid)
        self.held[key] = Lease(record.expires_at, due_at)
        self.refreshes[key] += 1
        self.on_written(key)
        workload = self.workloads.get(key)
        if workload and workload.pods_expire_at is None:
            workload.pods_expire_at = record.expires_at  # the pods have waited for their first Secret

    async def patch_status(
        self, resource: Resource, namespace: str | None, name: str, status: Mapping[str, Any], uid: str
    ) -> None:
        await self._write()
        key = Key(namespace or "", name)
        self.statuses[key] += 1
        body = self.environments[key]
        merged = {**body.get("status", {}), **status}
        metadata = {**body["metadata"], "resourceVersion": self._next()}
        body = {**body, "metadata": metadata, "status": {k: v for k, v in merged.items() if v is not None}}
        self.environments[key] = body
        if self.reconciler:
            echo = partial(self.reconciler.event_handlers.on_environment, body, deleted=False)
            asyncio.get_running_loop().call_later(ECHO_SECONDS, echo)
        await asyncio.sleep(WRITE_SECONDS / 2)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        await self._write()

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], accept: str = ""
    ) -> dict[str, Any]:
        await self._write()
        workload = self.workloads[Key(namespace, name)]
        old = workload.body
        if body["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        self.rollouts += 1
        generation = old["metadata"]["generation"] + 1
        metadata = {**old["metadata"], "generation": generation, "resourceVersion": self._next()}
        template = {**old["spec"]["template"], "metadata": body["spec"]["template"]["metadata"]}
        workload.body = {**old, "metadata": metadata, "spec": {**old["spec"], "template": template}}
        # The first new pod reads the Secret now, the second one when that is ready.
        ends = self.held[workload.secret].expires_at
        asyncio.get_running_loop().call_later(POD_SECONDS, self._come, workload, generation, 1, ends)
        await asyncio.sleep(WRITE_SECONDS / 2)
        return workload.body

    def _come(self, workload: Workload, generation: int, new: int, ends: datetime) -> None:
        """A pod of that generation is ready, with credentials that die then."""
        if workload.body["metadata"]["generation"] != generation:
            return
        metadata = {**workload.body["metadata"], "resourceVersion": self._next()}
        workload.body = {**workload.body, "metadata": metadata, "status": _pods(generation, new)}
        if new == 1:
            args = workload, generation, 2, ends
            asyncio.get_running_loop().call_later(POD_SECONDS, self._come, *args)
        else:
            self.pods_expired += workload.pods_expire_at is not None and workload.pods_expire_at < self._now()
            workload.pods_expire_at = ends

    async def watch_lines(self, resource: Resource, namespace: str | None, **query: str) -> AsyncGenerator[bytes, None]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watches.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watches.remove(queue)

    def _tell(self, kind: str, metadata: Mapping[str, Any]) -> None:
        for queue in self._watches:
            queue.put_nowait(json.dumps({"type": kind, "object": {"metadata": metadata}}).encode())

    async def _write(self) -> None:
        self.writes[int((self._now() - START).total_seconds())] += 1
        await asyncio.sleep(WRITE_SECONDS / 2)

    def _next(self) -> str:
        self._version += 1
        return str(self._version)


def _pods(generation: int, new: int) -> dict[str, Any]:
    return {"observedGeneration": generation, "replicas": 2, "updatedReplicas": new, "availableReplicas": 2}


if __name__ == "__main__":
    main([])
