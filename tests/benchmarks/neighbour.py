"""How long another namespace waits while one does its worst, with no more memory than `deploy/base` grants.

The neighbour creates environments at a steady pace, plain ones and ones that log in, whether or not those before them
are served; the time of each runs from its creation to the status that tells of its first sync. Some of its environments
were there before, and are due for renewal all along. The attacks go one after the other and then together. The
provider's own time is measured beside them, by calls of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bare_client import BareClient, figure, for_each
from benchmarks.confined import Supervised, granted_bytes, launcher, memory_group
from benchmarks.minting import ACCOUNT, NAMESPACES
from benchmarks.neighbour_attacks import ATTACKER, THROTTLED_ACCOUNT, Attacks, environment, logging_in
from benchmarks.own_cluster import own_cluster
from benchmarks.sts_double import StsDouble
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import ENVIRONMENTS, SERVICE_ACCOUNTS
from esc_operator.resources import reasons
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

FIGURES = ("neighbour", "neighbour_new_p95_ms", "neighbour_login_p95_ms", "neighbour_expired", "neighbour_kills")

NEIGHBOUR = "blue"
NEIGHBOURS_ACCOUNT = "111111111111"
QUIET_SECONDS, ATTACK_SECONDS, TOGETHER_SECONDS = 15.0, 25.0, 45.0
PACE = 0.5
"""Seconds between two new environments of a kind."""
PATIENCE = 15.0
"""Seconds after which an environment that is not served counts as one that took so long."""
PROVIDER_SECONDS = 0.1
STANDING = 20
"""Environments whose credentials are due one after the other while the attacks go on."""
HEADINGS = " " * 24 + "  new p50      p95      max  login p95  API p95  watch p95    n  kills  refused"


@dataclass
class Row:
    """What one phase of the run has shown, in seconds. `provider` are our own calls of the provider, `creation` is what
    the API server took to create each environment, and `delivery` until its own watch told us of that: both without the
    operator, which hears of it no sooner."""

    name: str
    new: list[float] = field(default_factory=list)
    login: list[float] = field(default_factory=list)
    provider: list[float] = field(default_factory=list)
    creation: list[float] = field(default_factory=list)
    delivery: list[float] = field(default_factory=list)
    kills: int = 0
    refusals: int = 0

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
    """Watches its namespace, and creates environments there."""

    def __init__(self, client: BareClient, sts: StsDouble) -> None:
        self._client = client
        self._sts = sts
        self._served: dict[str, asyncio.Future[None]] = {}
        self._heard: dict[str, float] = {}
        self._numbers = 0
        self.expired: set[str] = set()

    async def watch(self) -> None:
        """Until cancelled. An API server ends a watch now and then; a new one begins with what there is."""
        while True:
            async for line in self._client.watch(ENVIRONMENTS.path(NEIGHBOUR)):
                self._see(json.loads(line)["object"])

    def _see(self, body: dict[str, Any]) -> None:
        name, reason = body["metadata"]["name"], ready_reason(body)
        if name in self._served:
            self._heard.setdefault(name, time.perf_counter())
        if reason == reasons.EXPIRED:
            self.expired.add(name)
        if reason == reasons.SYNCED and (served := self._served.get(name)) and not served.done():
            served.set_result(None)

    async def furnish(self, seconds: float) -> None:
        """Environments whose credentials have to be renewed one after the other within the next seconds."""
        names = [f"standing-{number:02d}" for number in range(STANDING)]
        now = time.time()
        due = {f"{NEIGHBOUR}.{name}": now + 30 + place * seconds / STANDING for place, name in enumerate(names)}
        self._sts.fall_due_at(due)
        await for_each(names, STANDING, self._login_until_served)

    async def _login_until_served(self, name: str) -> None:
        if await self._time(logging_in(name, NEIGHBOUR, NEIGHBOURS_ACCOUNT), Row("")) >= PATIENCE:
            raise RuntimeError(f"{name} was not served before anything was tried")

    async def keep_creating(self, row: Row, until: asyncio.Event) -> None:
        """A new one of each kind at each step; answers when the last of them is served."""
        async with asyncio.TaskGroup() as group:
            while not until.is_set():
                self._numbers += 1
                plain = environment(f"plain-{self._numbers}", NEIGHBOUR, {"environmentVariables": {"A": "1"}})
                group.create_task(self._note(plain, row.new, row))
                group.create_task(
                    self._note(logging_in(f"login-{self._numbers}", NEIGHBOUR, NEIGHBOURS_ACCOUNT), row.login, row)
                )
                group.create_task(self._call_provider(row))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(until.wait(), PACE)

    async def _note(self, body: dict[str, Any], times: list[float], row: Row) -> None:
        times.append(await self._time(body, row))
        await self._client.send("DELETE", ENVIRONMENTS.path(NEIGHBOUR, body["metadata"]["name"]))

    async def _time(self, body: dict[str, Any], row: Row) -> float:
        name = body["metadata"]["name"]
        served = self._served[name] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._client.send("POST", ENVIRONMENTS.path(NEIGHBOUR), body)
        row.creation.append(time.perf_counter() - began)
        try:
            async with asyncio.timeout(PATIENCE):
                await served
        except TimeoutError:
            return PATIENCE
        finally:
            del self._served[name]
            row.delivery.append(self._heard.pop(name, began + PATIENCE) - began)
        return time.perf_counter() - began

    async def _call_provider(self, row: Row) -> None:
        row.provider.append(await self._client.time_form(self._sts.endpoint, self._sts.call_of_ours()))


def ready_reason(body: dict[str, Any]) -> str:
    """That of an environment's condition Ready, "" where it has none."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((str(one["reason"]) for one in conditions if one["type"] == "Ready"), "")


async def until_all_are_served(client: BareClient, namespace: str) -> None:
    while True:
        items = (await client.send("GET", ENVIRONMENTS.path(namespace)))["items"]
        if all(ready_reason(one) == reasons.SYNCED for one in items):
            return
        await asyncio.sleep(1)


async def phase(
    row: Row, neighbour: Neighbour, supervised: Supervised, attacks: Attacks, attack: Callable[[], Awaitable[object]]
) -> Row:
    kills, refusals = supervised.kills, attacks.refusals.total()
    over = asyncio.Event()
    creating = asyncio.create_task(neighbour.keep_creating(row, over))
    try:
        await attack()
    finally:
        over.set()
        await creating
    row.kills, row.refusals = supervised.kills - kills, attacks.refusals.total() - refusals
    print(told(row), flush=True)
    return row


async def play(kubeconfig: Path, operator: LocalOperator, supervised: Supervised, sts: StsDouble) -> list[Row]:
    sts.answer_after(PROVIDER_SECONDS)
    sts.throttle(THROTTLED_ACCOUNT)
    async with (
        BareClient(kubeconfig, MAX_CONNECTIONS) as client,
        BareClient(kubeconfig, MAX_CONNECTIONS) as red_client,
        asyncio.TaskGroup() as group,
    ):
        for name in (ATTACKER, NEIGHBOUR):
            await client.send("POST", NAMESPACES, {"metadata": {"name": name}})
            await client.send("POST", SERVICE_ACCOUNTS.path(name), {"metadata": {"name": ACCOUNT}})
        neighbour, attacks = Neighbour(client, sts), Attacks(red_client)
        names = list(attacks.all())
        await asyncio.to_thread(operator.start)
        beside = [group.create_task(supervised.run()), group.create_task(neighbour.watch())]
        await attacks.furnish()
        await until_all_are_served(client, ATTACKER)
        await neighbour.furnish(QUIET_SECONDS + len(names) * ATTACK_SECONDS + TOGETHER_SECONDS)
        print(HEADINGS, flush=True)
        rows = [await phase(Row("quiet"), neighbour, supervised, attacks, partial(asyncio.sleep, QUIET_SECONDS))]
        for name, attack in attacks.all().items():
            rows.append(await phase(Row(name), neighbour, supervised, attacks, partial(attack, ATTACK_SECONDS)))
        together = partial(attacks.together, TOGETHER_SECONDS)
        rows.append(await phase(Row("together"), neighbour, supervised, attacks, together))
        for task in beside:
            task.cancel()
    if neighbour.expired:
        print(f"expired: {', '.join(sorted(neighbour.expired))}")
    tell_figures(rows, len(neighbour.expired), supervised)
    return rows


def told(row: Row) -> str:
    """In milliseconds."""
    columns = (statistics.median(row.new), row.new_p95, max(row.new))
    times = "".join(f"{seconds * 1000:>9.0f}" for seconds in columns)
    beside = f"{row.login_p95 * 1000:>11.0f}{p95(row.creation) * 1000:>9.0f}"
    beside += f"{p95(row.delivery) * 1000:>11.0f}"
    return f"{row.name:24}{times}{beside}{len(row.new):>5}{row.kills:>7}{row.refusals:>9}"


def tell_figures(rows: Sequence[Row], expired: int, supervised: Supervised) -> None:
    """The worst phase counts."""
    quiet, *others = rows
    new, login = max(others, key=lambda row: row.new_p95), max(others, key=lambda row: row.login_p95)
    figure(
        "neighbour_new_p95_ms",
        new.new_p95 * 1000,
        "ms",
        worst=new.name,
        quiet=round(quiet.new_p95 * 1000),
        api_p95_ms=round(p95(new.creation) * 1000),
        watch_p95_ms=round(p95(new.delivery) * 1000),
    )
    provider = statistics.median(login.provider)
    figure(
        "neighbour_login_p95_ms",
        login.login_p95 * 1000,
        "ms over the provider's time",
        worst=login.name,
        quiet=round(quiet.login_p95 * 1000),
        provider_ms=round(provider * 1000),
    )
    figure("neighbour_expired", expired, "environments", standing=STANDING)
    figure("neighbour_kills", supervised.kills, "kills", peak_rss_mb=round(supervised.peak_mb))


def main(_: list[str]) -> None:
    limit = granted_bytes()
    with (
        own_cluster("esc-bench-neighbour") as (kubeconfig, context),
        tempfile.TemporaryDirectory() as folder,
        StsDouble() as sts,
        memory_group(limit) as group,
    ):
        held = (
            f"a control group of {limit // 2**20} MiB" if group else f"a look at its memory each 0.2 s, {limit} bytes"
        )
        print(f"the operator's memory is held by {held}", flush=True)
        operator = LocalOperator(
            kubeconfig,
            context,
            Path(folder),
            settings={"AWS_ENDPOINT_URL_STS": sts.endpoint, "AWS_REGION": "eu-west-1"},
            arguments=("--log-level=warning",),
            launcher=launcher(group),
        )
        operator.install()
        supervised = Supervised(operator, limit, held=group is not None)
        try:
            asyncio.run(play(kubeconfig, operator, supervised, sts))
        finally:
            operator.stop()
