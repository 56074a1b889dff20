"""How long another namespace waits while one does its worst, with no more memory than `deploy/base` grants.

The attacks go one after the other and then together, twice: first while no operator runs, which shows what this
machine's API server takes by itself to create an environment and to tell of it, and then with one. Some of the
neighbour's environments are there before, and are due for renewal all along. The provider's own time is measured beside
them, by calls of our own.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bare_client import BareClient, figure
from benchmarks.confined import Supervised, granted_bytes, launcher, memory_group
from benchmarks.minting import ACCOUNT, NAMESPACES
from benchmarks.neighbour_attacks import ATTACKER, FURNISH, NAMES, THROTTLED_ACCOUNT, TOGETHER, Attackers, Effort
from benchmarks.neighbour_times import NEIGHBOUR, STANDING, Neighbour, Times, p95, ready_reason
from benchmarks.own_cluster import own_cluster
from benchmarks.process_usage import read_usage
from benchmarks.sts_double import StsDouble
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import ENVIRONMENTS, SERVICE_ACCOUNTS
from esc_operator.resources import reasons
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES = ("neighbour", "neighbour_new_p95_ms", "neighbour_login_p95_ms", "neighbour_expired", "neighbour_kills")

QUIET = "quiet"
CONTROL_SECONDS = 15.0
SECONDS = {QUIET: 15.0, **dict.fromkeys(NAMES, 25.0), TOGETHER: 45.0}
"""How long each phase lasts with the operator."""
PROVIDER_SECONDS = 0.1
HEADINGS = (
    f"{'':24}{'new p50':>9}{'p95':>7}{'max':>7}{'login p95':>11}{'API p95':>9}{'watch p95':>11}{'lag max':>9}{'n':>5}"
    f"{'kills':>7}{'CPU s':>7}{'writes':>8}{'refused':>9}  without the operator: API p95, watch p95, writes"
)


@dataclass(frozen=True)
class Seen:
    """What the neighbour has seen during an attack, and what that has done."""

    times: Times
    effort: Effort


@dataclass(frozen=True)
class Row:
    """One phase of the run, with the operator's part in it, and the same one without the operator."""

    name: str
    seen: Seen
    kills: int
    cpu_seconds: float
    control: Seen


@dataclass(frozen=True)
class Stage:
    """Whoever takes part, beside the operator."""

    neighbour: Neighbour
    attackers: Attackers

    async def phase(self, name: str, seconds: float) -> Seen:
        """An attack, or nothing of the kind, and what the neighbour sees meanwhile."""
        times, over = Times(), asyncio.Event()
        creating = asyncio.create_task(self.neighbour.keep_creating(times, over))
        try:
            if name == QUIET:
                await asyncio.sleep(seconds)
                effort = Effort(0, 0)
            else:
                effort = await self.attackers.attack(name, seconds)
        finally:
            over.set()
            await creating
        return Seen(times, effort)


async def play(
    kubeconfig: Path, operator: LocalOperator, supervised: Supervised, sts: StsDouble, seconds: Mapping[str, float]
) -> tuple[list[Row], Neighbour]:
    """The phases are those of `seconds`."""
    sts.answer_after(PROVIDER_SECONDS)
    sts.throttle(THROTTLED_ACCOUNT)
    async with (
        BareClient(kubeconfig, MAX_CONNECTIONS) as client,
        Attackers(kubeconfig) as attackers,
        asyncio.TaskGroup() as group,
    ):
        for name in (ATTACKER, NEIGHBOUR):
            await client.send("POST", NAMESPACES, {"metadata": {"name": name}})
            await client.send("POST", SERVICE_ACCOUNTS.path(name), {"metadata": {"name": ACCOUNT}})
        stage = Stage(Neighbour(client, sts), attackers)
        beside = [group.create_task(stage.neighbour.watch())]
        await attackers.attack(FURNISH, 0)
        controls = {name: await stage.phase(name, CONTROL_SECONDS) for name in seconds}
        await asyncio.to_thread(operator.start)
        beside.append(group.create_task(supervised.run()))
        stage.neighbour.is_served = True
        await until_all_are_served(client, ATTACKER)
        await stage.neighbour.furnish(sum(seconds.values()))
        print(HEADINGS, flush=True)
        rows = []
        for name, lasts in seconds.items():
            kills, cpu = supervised.kills, cpu_seconds(operator)
            seen = await stage.phase(name, lasts)
            used = cpu_seconds(operator) - cpu
            rows.append(Row(name, seen, supervised.kills - kills, used, controls[name]))
            print(told(rows[-1]), flush=True)
        for task in beside:
            task.cancel()
    return rows, stage.neighbour


async def until_all_are_served(client: BareClient, namespace: str) -> None:
    while True:
        items = (await client.send("GET", ENVIRONMENTS.path(namespace)))["items"]
        if all(ready_reason(one) == reasons.SYNCED for one in items):
            return
        await asyncio.sleep(1)


def cpu_seconds(operator: LocalOperator) -> float:
    """0 where it has just ended."""
    try:
        return read_usage(operator.pid).cpu_seconds
    except (OSError, AssertionError):
        return 0.0


def told(row: Row) -> str:
    """Times in milliseconds."""
    times, control = row.seen.times, row.control.times
    line = f"{row.name:24}{_ms(statistics.median(times.new)):>9}{_ms(times.new_p95):>7}{_ms(max(times.new)):>7}"
    line += f"{_ms(times.login_p95):>11}{_ms(p95(times.creation)):>9}{_ms(p95(times.delivery)):>11}"
    line += f"{_ms(max(times.lag)):>9}{len(times.new):>5}{row.kills:>7}{row.cpu_seconds:>7.1f}"
    line += f"{row.seen.effort.writes:>8}{row.seen.effort.refused:>9}"
    return f"{line}{_ms(p95(control.creation)):>30}{_ms(p95(control.delivery)):>11}{row.control.effort.writes:>8}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def tell_figures(rows: Sequence[Row], expired: int, supervised: Supervised) -> None:
    """The worst phase counts."""
    quiet, *others = rows
    new, login = (
        max(others, key=lambda row: row.seen.times.new_p95),
        max(others, key=lambda row: row.seen.times.login_p95),
    )
    figure(
        "neighbour_new_p95_ms",
        new.seen.times.new_p95 * 1000,
        "ms",
        worst=new.name,
        quiet=round(quiet.seen.times.new_p95 * 1000),
        watch_p95_ms=round(p95(new.seen.times.delivery) * 1000),
        watch_without_operator_p95_ms=round(p95(new.control.times.delivery) * 1000),
    )
    figure(
        "neighbour_login_p95_ms",
        login.seen.times.login_p95 * 1000,
        "ms over the provider's time",
        worst=login.name,
        quiet=round(quiet.seen.times.login_p95 * 1000),
        provider_ms=round(statistics.median(login.seen.times.provider) * 1000),
    )
    figure("neighbour_expired", expired, "environments", standing=STANDING)
    figure("neighbour_kills", supervised.kills, "kills", peak_rss_mb=round(supervised.peak_mb))


def main(_: list[str], seconds: Mapping[str, float] = SECONDS) -> None:
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
            rows, neighbour = asyncio.run(play(kubeconfig, operator, supervised, sts, seconds))
        finally:
            operator.stop()
    if neighbour.expired:
        print(f"expired: {', '.join(sorted(neighbour.expired))}")
    tell_figures(rows, len(neighbour.expired), supervised)
