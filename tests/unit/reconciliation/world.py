"""A cluster, a cloud and an operator in memory, under a clock that the test moves."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from esc_operator.driver.sharing import Demand, SharedLogins, login_key
from esc_operator.errors import KubeError
from esc_operator.evaluation import Failed, Lease
from esc_operator.evaluation import Opened as Answer
from esc_operator.kube.namespaces import Namespaces
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, NAMESPACES
from esc_operator.kube.secret_informer import SecretInformer
from esc_operator.kube.source_informer import SourceInformer
from esc_operator.reconciliation.controller.reconciler import Reconciler
from esc_operator.reconciliation.controller.recovery import Recovery
from esc_operator.reconciliation.controller.workers import Workers
from esc_operator.reconciliation.opening.definitions import Definitions
from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.reconciliation.sync.act import Actor
from esc_operator.reconciliation.sync.gather import Gatherer
from esc_operator.reconciliation.sync.outcome import CheckedValues, Imports, OpenedValues, Refused
from esc_operator.reconciliation.sync.shared import make_shared
from esc_operator.renewal.schedule import Window
from esc_operator.resources import reasons
from esc_operator.resources.allowances import Allowances, parse_allowances
from esc_operator.resources.definition_source import ObjectSource
from esc_operator.resources.environment import EscEnvironment, Key
from esc_operator.resources.status import LoginStatus
from esc_operator.telemetry import Telemetry, Tracer
from unit.reconciliation.fake_api import FakeApi
from unit.telemetry.notes import Notes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from esc_operator.driver.worker import Worker
    from esc_operator.reconciliation.rollouts.status import Rollouts
    from esc_operator.reconciliation.sync.attempt import Opening

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

PATIENCE = 200
"""Seconds of a clock on the wall, against a story that hangs: on a busy machine the longest takes half a minute."""

IDLE_ROUNDS = 25
"""So many turns of the event loop without a request or anything queued mean that nothing is under way, as one does in
which nobody else has anything to do."""


def login(life: timedelta = HOUR, **spec: Any) -> dict[str, Any]:
    """An environment with one login, whose credentials live so long."""
    return {"environment": {"login": life.total_seconds()}, **spec}


def static(*imports: str, **values: str) -> dict[str, Any]:
    """An environment of plain values, those of its imports included."""
    return {"environment": {"imports": list(imports), "values": values}}


def definition_of(environment: EscEnvironment) -> Mapping[str, Any]:
    """The definition of an environment that has it as an object."""
    assert isinstance(environment.source, ObjectSource)
    return environment.source.data


class Cloud:
    """What is outside of the cluster. `mints` counts credentials by environment, `opened` evaluations, `checked` those
    that open nothing.

    `refusals` are answered instead of values. `outside` holds values without an expiry that environments may read. An
    opening waits for `gate` where there is one. Logins are shared as the driver does it, within one process.
    """

    def __init__(self, now: Callable[[], datetime], api: FakeApi) -> None:
        self.mints: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.demands: list[Demand] = []
        self.refusals: dict[str, Refused] = {}
        self.outside: dict[str, str] = {}
        self.gate: asyncio.Event | None = None
        self.hiding: set[str] = set()
        """The environments whose roles are secrets."""
        self.during: Callable[[EscEnvironment], None] = lambda _: None
        self.fixed_expiry: datetime | None = None
        self._now = now
        self._api = api
        self.logins = SharedLogins(now)

    def renounce(self) -> None:
        """A rotation begins."""
        self.logins.renounce()

    def forget(self) -> None:
        """The process ends, and its memory with it."""
        self.logins = SharedLogins(self._now)

    async def __call__(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        self.opened[environment.key.name] += 1
        self.demands.append(demand)
        definition = definition_of(environment)
        store = ImportStore(self._api, environment.key.namespace)
        values = await self._read_values(store, (environment.key.full_name,), definition)
        if isinstance(values, Failed):
            missing = values.reason in {reasons.IMPORT_NOT_FOUND, reasons.IMPORT_NOT_ALLOWED}
            return Refused(values.reason, values.message, retryable=not missing, imports=store.imports)
        self.during(environment)
        if self.gate:
            await self.gate.wait()
        if refused := self.refusals.get(environment.key.name):
            return refused
        window = await self._log_in(environment, demand, values) if "login" in definition else None
        for name in definition.get("reads", ()):
            values[name] = self.outside[name]
        logins = (LoginStatus("login", f"role-of-{environment.key.name}"),) if window else ()
        if environment.key.name in self.hiding:
            logins = (LoginStatus("login", hidden=True),)
        data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
        imports = store.imports
        rereads, allowances = "reads" in definition, self._allowances(environment)
        return OpenedValues(data, window, rereads, imports, logins, allowances=allowances.digest)

    def _allowances(self, environment: EscEnvironment) -> Allowances:
        namespace = environment.account.namespace if environment.account else ""
        body = self._api.objects.get((NAMESPACES.plural, Key("", namespace)), {"metadata": {}})
        return parse_allowances(body["metadata"].get("annotations"))

    async def check(self, environment: EscEnvironment, worker: Worker) -> CheckedValues | Refused:
        self.checked[environment.key.name] += 1
        store = ImportStore(self._api, environment.key.namespace)
        definition = definition_of(environment)
        values = await self._read_values(store, (environment.key.full_name,), definition)
        if isinstance(values, Failed):
            return Refused(values.reason, values.message, retryable=False, imports=store.imports)
        return CheckedValues(bool(values or "login" in definition or "reads" in definition), store.imports)

    async def look(self, environment: EscEnvironment) -> Imports:
        store = ImportStore(self._api, environment.key.namespace)
        await self._read_values(store, (environment.key.full_name,), definition_of(environment))
        if store.trouble:
            raise store.trouble
        return store.imports

    async def _read_values(
        self, store: ImportStore, chain: tuple[str, ...], definition: Mapping[str, Any]
    ) -> dict[str, str] | Failed:
        """The values of an environment, the last of a chain of imports, over those of its own imports."""
        values: dict[str, str] = {}
        for imported in definition.get("imports", ()):
            try:
                loaded = await store.load(imported, chain[-1])
            except KubeError as error:
                return Failed(error.message, error.reason)
            if isinstance(loaded, Failed):
                return loaded
            if loaded.name in chain:
                continue
            found = await self._read_values(store, (*chain, loaded.name), loaded.definition or {})
            if isinstance(found, Failed):
                return found
            values.update(found)
        return {**values, **definition.get("values", {})}

    async def _log_in(self, environment: EscEnvironment, demand: Demand, values: dict[str, str]) -> Window:
        async def mint() -> Answer:
            self.mints[environment.key.name] += 1
            issued_at = self._now()
            await asyncio.sleep(0)
            life = timedelta(seconds=definition_of(environment)["login"])
            lease = Lease(issued_at, self.fixed_expiry or issued_at + life)
            number = "fixed" if self.fixed_expiry else str(self.mints[environment.key.name])
            return Answer(value={"token": f"minted-{environment.key.name}-{number}"}, lease=lease, secret=True)

        key = login_key("login", environment.key.name, {"life": definition_of(environment)["login"]})
        answer = await self.logins.open(key, demand, mint)
        assert isinstance(answer, Answer)
        assert answer.lease is not None
        token: Mapping[str, str] = answer.value
        values["TOKEN"] = token["token"]
        return Window(answer.lease.issued_at, answer.lease.expires_at)


class World:
    """`operator` runs the operator within a block; leaving it is the end of that process."""

    def __init__(self) -> None:
        self.time = START + timedelta(milliseconds=250)  # no test may lean on whole seconds
        self._readings = 0
        self.api = FakeApi()
        self.cloud = Cloud(self.now, self.api)
        self.opening: Opening | None = None
        self.home = ""
        """The operator's own namespace."""
        self.is_of_the_cluster = False
        """Whether namespaces are known, and ClusterEscEnvironments filled."""
        self.watch_is_late = False
        self.workers_hang = False
        """Whether some may wait for a worker though nothing goes on."""
        self.pause: Callable[[float], Coroutine[Any, Any, None]] = lambda _: asyncio.sleep(0)
        """How it waits for more of a list."""
        self.meter = Notes()
        self.tracer = Tracer()
        self.reconciler: Reconciler
        self.secrets: SecretInformer
        self._late: list[tuple[str, dict[str, Any]]] = []

    def now(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        """The same for what counts seconds; no two readings are alike, as with any clock."""
        self._readings += 1
        return self.time.timestamp() + self._readings / 1_000_000

    @property
    def telemetry(self) -> Telemetry:
        return Telemetry(self.meter, self.tracer)

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Reconciler]:
        self.secrets = SecretInformer(self.api, (), pause=lambda _: asyncio.sleep(0))
        gatherer, actor = Gatherer(self.api, self.secrets, self.seconds), Actor(self.api, self.secrets, self.now)
        namespaces = Namespaces(self.api, pause=lambda _: asyncio.sleep(0)) if self.is_of_the_cluster else None
        definitions = Definitions(self.api, SourceInformer(self.api, pause=lambda _: asyncio.sleep(0)), self.home)
        self.reconciler = Reconciler(
            make_shared(gatherer, actor, self.now, self.telemetry, self.pause),
            self.opening or self.cloud,
            self.start_rollouts(),
            definitions=definitions,
            namespaces=namespaces,
            forbids=namespaces.forbids if namespaces else lambda _namespace, _status: False,
        )
        self.secrets.listen(self.reconciler.event_handlers.on_secret)
        parts = [asyncio.create_task(self.secrets.run()), asyncio.create_task(definitions.informer.run())]
        try:
            if namespaces is not None:
                namespaces.listen(
                    self.reconciler.event_handlers.on_namespaces, Recovery(self.reconciler.shared).on_namespace
                )
                parts.append(asyncio.create_task(namespaces.run()))
                await asyncio.wait_for(namespaces.listed.wait(), PATIENCE)
            await asyncio.wait_for(self.secrets.listed.wait(), PATIENCE)
            self.api.on_environment = self._deliver
            for (plural, _), body in list(self.api.objects.items()):
                if plural in {ENVIRONMENTS.plural, CLUSTER_ENVIRONMENTS.plural}:
                    self._deliver("", body)
            parts.append(asyncio.create_task(self.reconciler.run(Workers(general=4, reserved=2))))
            await self.settle()
            yield self.reconciler
            crashed = [part for part in parts if part.done()]
            assert not crashed, crashed
        finally:
            self.api.on_environment = lambda _kind, _body: None
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            self.cloud.forget()

    def start_rollouts(self) -> Rollouts | None:
        """What the operator replaces pods with."""
        return None

    def _deliver(self, kind: str, body: dict[str, Any]) -> None:
        if self.watch_is_late:
            self._late.append((kind, body))
        elif kind != "MODIFIED" or not self.reconciler.event_handlers.is_echo(body):
            self.reconciler.event_handlers.on_environment(body, deleted=kind == "DELETED")

    def catch_up(self) -> None:
        """The watch of environments delivers what it held back."""
        self.watch_is_late = False
        for kind, body in self._late:
            self._deliver(kind, body)
        self._late.clear()

    async def settle(self) -> None:
        """Let everything that is under way come to rest, under a clock that stands still."""
        before, quiet = -1, 0
        # The loop's own: it tells of thousands of turns for nothing, and each of them would cost.
        ready = cast("Any", asyncio.get_running_loop())._ready
        for _ in range(20_000):
            await asyncio.sleep(0)
            busy = (len(self.reconciler.queue) > 0 and not self.workers_hang) or len(self.api.calls) != before
            quiet, before = (0 if busy else quiet + 1), len(self.api.calls)
            if quiet > IDLE_ROUNDS or (quiet and not ready):
                return
        raise AssertionError(f"it never comes to rest: {self.api.calls[-12:]}")

    async def look(self) -> None:
        """The scheduler looks at the clock."""
        self.reconciler.wake_due()
        await self.settle()

    async def skip(self, span: timedelta, *, step: timedelta | None = None) -> None:
        """Let time pass, with a look at each step."""
        end = self.time + span
        while self.time < end:
            self.time = min(end, self.time + (step or span))
            await self.look()

    def status(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.api.environment(name).get("status", {})
        return status

    def condition(self, name: str, kind: str = "Ready") -> dict[str, Any]:
        found = [condition for condition in self.status(name).get("conditions", ()) if condition["type"] == kind]
        return found[0] if found else {}

    def told(self, name: str) -> tuple[str, str, str, str]:
        """Status and reason of Ready, then of Refreshed."""
        ready, refreshed = self.condition(name), self.condition(name, "Refreshed")
        return (
            ready.get("status", ""),
            ready.get("reason", ""),
            refreshed.get("status", ""),
            refreshed.get("reason", ""),
        )

    def values(self, name: str) -> dict[str, str] | None:
        """What the Secret holds, in clear; None where there is none."""
        body = self.api.secret(name)
        return {key: base64.b64decode(text).decode() for key, text in body["data"].items()} if body else None


WELL = ("True", "Synced", "True", "Refreshed")


W = TypeVar("W", bound=World)


@overload
def play(story: Callable[[World], Coroutine[Any, Any, None]]) -> World: ...


@overload
def play(story: Callable[[W], Coroutine[Any, Any, None]], world: W) -> W: ...


def play(story: Callable[[Any], Coroutine[Any, Any, None]], world: World | None = None) -> World:
    """Run a test's story, in a world of its own if none is given."""
    world = world or World()

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await story(world)

    asyncio.run(bounded())
    return world


def key(name: str) -> Key:
    return Key("apps", name)
