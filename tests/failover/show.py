"""The course of the show: load, and what befalls the leader meanwhile. What the counts have to be is in `findings`."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from cluster.harness import Tenant, wait_until
from esc_operator.handlers.options import Options
from esc_operator.resources import ROTATE_REQUESTED_AT
from failover.findings import End, Findings, Minted, Series
from failover.stage import NAMESPACE
from failover.watching import SecretWatch
from faults.requests import SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from failover.stage import Replica, Stage

SHORT, DEFAULT = 4, Options().lease_duration
LIFETIME = 60.0
"""Of a key, in seconds: all the time some are due for renewal."""
FIRST, MOST = 12, 40
"""So many environments there are at first, and so many in the end."""
ROTATE_EVERY = 0.4
PATIENCE = 60.0
FAILURES = 5
"""So many rounds of a kind may fail to be played before it is given up."""
DELAY = 0.3
"""Seconds that AWS takes while leaders are stopped, so that an answer is always on its way."""


@dataclass(frozen=True)
class Plan:
    """How often each."""

    kills: int
    slow_kills: int
    hand_overs: int
    stops: int


class Load:
    """Within its `with` block somebody asks for new keys all the time, and more environments come."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ending = threading.Event()
        self._chance = random.Random(7)
        self.tenants: dict[str, Tenant] = {}
        self.asked: dict[str, str] = {}
        """By environment, what was asked for last."""
        self.failure = ""

    def __enter__(self) -> Self:
        for _ in range(FIRST):
            self.apply()
        return self

    def begin(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def apply(self) -> None:
        """One environment more, up to the most."""
        if len(self.tenants) < MOST:
            name = f"aws-{len(self.tenants)}"
            tenant = self._stage.tenant(name)
            tenant.apply(name, tenant.login())
            self.tenants[name] = tenant

    def _run(self) -> None:
        try:
            with contextlib.ExitStack() as stack:
                cluster = self._stage.open_cluster(stack)
                for number in itertools.count():
                    if self._ending.wait(ROTATE_EVERY):
                        return
                    name = self._chance.choice(list(self.tenants))
                    # Remembered first: whatever becomes of it, nothing else was asked for last.
                    self.asked[name] = f"{number:06}"
                    role = self.tenants[name].role
                    Tenant(cluster, self._stage.aws, NAMESPACE, role).annotate(
                        name, annotations={ROTATE_REQUESTED_AT: self.asked[name]}
                    )
        except Exception as error:  # noqa: BLE001 - whatever ends the load makes the show worthless, and is told
            self.failure = f"the load ended: {type(error).__name__}: {error}"

    def complaint(self, name: str) -> str:
        """What is not as it has to be once all has come to rest; nothing if all is well."""
        tenant = self.tenants[name]
        if not tenant.is_ready(name):
            return f"{name} is not ready: {tenant.status(name).get('conditions')}"
        honoured = tenant.status(name).get("observedRotateRequest", "")
        wanted = self.asked.get(name, "")
        return "" if honoured == wanted else f"{name} has honoured {honoured!r}, and {wanted!r} was asked for last"


class Show:
    def __init__(self, stage: Stage, load: Load, found: Findings) -> None:
        self._stage = stage
        self._load = load
        self._found = found
        self._chance = random.Random(11)
        self._term: tuple[datetime, Replica] | None = None
        """Since when who leads."""

    def start(self, duration: int) -> None:
        """All replicas anew, with that lease."""
        self._term = None
        for replica in self._stage.replicas:
            replica.end()
            self._found.ends.append(End(time.time(), replica.name))
        for replica in self._stage.replicas:
            replica.start(duration)
        for replica in self._stage.replicas:
            replica.until_ready()

    def leader(self, ready: int = 2) -> Replica:
        """The one that leads, as soon as so many in all are ready."""
        replicas = self._stage.replicas

        def is_so() -> bool:
            self._tend()
            return sum(one.leads() for one in replicas) == 1 and sum(one.is_ready for one in replicas) >= ready

        wait_until(is_so, f"one leads and {ready} in all are ready", self._tell, PATIENCE)
        return next(one for one in replicas if one.leads())

    def _tend(self) -> None:
        for replica in self._stage.replicas:
            if replica.tend():
                self._found.gave_up += 1
                self._found.ends.append(End(time.time(), replica.name))
                if self._term is not None and self._term[1] is replica:
                    self._term = None

    def _tell(self) -> str:
        return str([(one.name, one.leads(), one.is_ready, one.failure) for one in self._stage.replicas])

    def kill(self, series: Series, duration: int) -> None:
        leader = self._at_work()
        began = self._signal(leader, signal.SIGKILL)
        self._load.apply()
        self._succeed(series, leader, began)
        leader.end()
        leader.start(duration)

    def hand_over(self, series: Series, idle: Series, duration: int) -> None:
        """`idle` is for the time in which nobody wrote: whoever is asked to end first does what it has begun."""
        # As in an update: the next pod is there before this one ends, and nobody is just starting.
        leader = self._at_work(ready=3)
        began = datetime.now(UTC)
        leader.signal(signal.SIGTERM)
        first = self._succeed(series, leader, began)
        written = [began, *(one.at for one in leader.writes(began))]
        idle.gaps.append((first - max(written)).total_seconds())
        if status := leader.wait(20):
            self._found.troubles.append(f"one that was asked to end did so with status {status}")
        leader.start(duration)

    def stop(self, series: Series, duration: int) -> None:
        """Stopped for longer than its lease, and then continued: it has to end without a word."""
        leader = self._at_work()
        began = self._signal(leader, signal.SIGSTOP)
        self._succeed(series, leader, began)
        time.sleep(max(duration + 1 - (datetime.now(UTC) - began).total_seconds(), 0.5))
        continued = datetime.now(UTC)
        leader.signal(signal.SIGCONT)
        status = leader.wait(10)
        time.sleep(0.5)
        self._found.late_requests += leader.requests(continued)
        if status != signal.SIGALRM:
            self._found.troubles.append(f"one that was continued ended with status {status}")
        leader.start(duration)

    def _at_work(self, ready: int = 2) -> Replica:
        """The leader, at any point of its work; up to then nobody else may have written."""
        leader = self.leader(ready)
        time.sleep(self._chance.uniform(0.2, 1.0))
        self._tend()
        if self._term is not None:
            since, successor = self._term
            if leader is not successor:
                self._found.troubles.append(f"{leader.name} leads, though {successor.name} did and has not ended")
            others = [one for one in self._stage.replicas if one is not successor]
            self._found.second_writers += sum(len(one.writes(since)) for one in others)
        return leader

    def _signal(self, leader: Replica, number: signal.Signals) -> datetime:
        began = datetime.now(UTC)
        leader.signal(number)
        self._found.ends.append(End(began.timestamp(), leader.name))
        return began

    def _succeed(self, series: Series, former: Replica, began: datetime) -> datetime:
        """Wait for the next one to write a Secret: its term has begun."""
        others = [one for one in self._stage.replicas if one is not former]

        def is_so() -> bool:
            self._tend()
            return any(one.writes(began, SECRET) for one in others)

        wait_until(is_so, "another one writes", self._tell, PATIENCE)
        first, number = min(
            (one.writes(began, SECRET)[0].at, number) for number, one in enumerate(others) if one.writes(began, SECRET)
        )
        series.gaps.append((first - began).total_seconds())
        self._term = first, others[number]
        return first


def play(stage: Stage, plan: Plan) -> Findings:
    found = Findings()
    stage.aws.settings(lifetime=LIFETIME)
    with SecretWatch(stage.cluster, NAMESPACE) as watch, Load(stage) as load:
        show = Show(stage, load, found)
        show.start(SHORT)
        show.leader()
        load.begin()
        _repeat(found, f"killed, lease of {SHORT} s", 20, plan.kills, lambda one: show.kill(one, SHORT))
        stage.aws.inject(service="sts", action="AssumeRoleWithWebIdentity", delay=DELAY)
        stopped = f"stopped and continued, lease of {SHORT} s"
        _repeat(found, stopped, 20, plan.stops, lambda one: show.stop(one, SHORT))
        stage.aws.clear_faults()
        show.start(DEFAULT)
        _repeat(found, f"killed, lease of {DEFAULT} s", 20, plan.slow_kills, lambda one: show.kill(one, DEFAULT))
        idle = Series("  and nobody wrote for", 2)
        _repeat(found, "asked to end", 20, plan.hand_overs, lambda one: show.hand_over(one, idle, DEFAULT))
        found.series.append(idle)
        load.end()
        _come_to_rest(found, load, watch)
        _count(found, stage, load, watch)
    return found


def _repeat(found: Findings, name: str, limit: float, times: int, once: Any) -> None:
    series = Series(name, limit)
    found.series.append(series)
    failures = 0
    for number in range(1, times + 1):
        try:
            once(series)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest is shown all the same
            found.troubles.append(f"{name}, number {number}: {type(error).__name__}: {error}")
            say(found.troubles[-1])
            failures += 1
            if failures == FAILURES:
                return
        if number % 10 == 0 or number == times:
            say(f"{name}: {number} of {times}, the longest gap was {max(series.gaps, default=0):.1f} s")


def _come_to_rest(found: Findings, load: Load, watch: SecretWatch) -> None:
    for name in load.tenants:
        try:
            wait_until(lambda: not load.complaint(name), f"{name} is well", lambda: load.complaint(name))  # noqa: B023
        except AssertionError as error:
            found.troubles.append(str(error))
    found.troubles += [trouble for trouble in (load.failure, watch.failure) if trouble]


def _count(found: Findings, stage: Stage, load: Load, watch: SecretWatch) -> None:
    # What is minted from here on was not counted: a renewal may be due at any moment.
    mints, revealed = stage.aws.mints().mints, stage.aws.minted_secrets()
    time.sleep(3)
    states = list(watch.states)
    names = {tenant.role: name for name, tenant in load.tenants.items()}
    pairs = zip(revealed[::2], revealed[1::2], strict=True)
    triples = {mint.access_key_id: (mint.access_key_id, *pair) for mint, pair in zip(mints, pairs, strict=False)}
    exchanges = {replica.name: replica.exchanges() for replica in stage.replicas}
    found.minted = [
        Minted(
            names[mint.role],
            mint.access_key_id,
            _seconds(mint.issued_at),
            _seconds(mint.expires_at) - _seconds(mint.issued_at),
            _taker(exchanges, names[mint.role], _seconds(mint.issued_at)),
        )
        for mint in mints
    ]
    found.written = [state.judged(triples) for state in states if state.values[0] in triples]
    strange = [state for state in states if state.values[0] not in triples and state.values[0] not in _since(stage)]
    found.troubles += [f"{state.environment} held a key that nobody minted" for state in strange]


def _taker(exchanges: Mapping[str, Mapping[str, Sequence[float]]], role: str, at: float) -> str:
    """The operator whose front passed on that answer of AWS."""
    found = [
        (abs(time - at), name)
        for name, roles in exchanges.items()
        for time in roles.get(role, ())
        if -0.1 < time - at < 1.0
    ]
    return min(found)[1] if found else ""


def _since(stage: Stage) -> set[str]:
    return {mint.access_key_id for mint in stage.aws.mints().mints}


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
