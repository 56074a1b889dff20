"""10,000 environments that each log in by themselves: their first sync, a restart of the operator over them, and then
a thousand refreshes a minute, with new environments that come in between.

The provider chooses how long the first credentials of each live, so that their renewals fall due evenly once the
restart is over. It takes 100 ms for each call from then on.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.bare_client import figure
from benchmarks.minting import SETTLES_AFTER, Bench, Place, bare_writes, bench, environment_body, first_sync, places
from benchmarks.requests import Requests
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.process_usage import Usage

FIGURES = (
    "first_sync_10000_seconds",
    "settled_rss_10000_mb",
    "restart_10000_seconds",
    "restart_mints",
    "restart_writes",
    "steady_1000_per_minute_done",
    "steady_lateness_p99_ms",
    "steady_cpu_percent",
    "steady_writes_per_refresh",
    "new_behind_refreshes_p95_ms",
)

OBJECTS = 10_000
A_MINUTE = 1050
"""So many renewals fall due each minute of the storm."""
QUIET = 150.0
A_CREATION = 8.0
"""The storm begins so many seconds after the operator's first start, and so many times as long as it took to create the
environments, which tells how busy the machine is: first sync and restart have to be over by then."""
STORM = 150.0
ANSWER_AFTER = 0.1
NEWCOMERS = 36


def main(_: list[str]) -> None:
    asyncio.run(measure())


async def measure() -> None:
    wanted = places(OBJECTS)
    async with bench("esc-bench-10000") as stage:
        await stage.create_namespaces(["new"])
        begins = time.time() + QUIET + A_CREATION * await stage.create(wanted)
        stage.sts.fall_due_at(dict(spread(wanted, begins)))
        done = await first_sync(stage, wanted)
        figure(
            "first_sync_10000_seconds",
            done.seconds,
            "s",
            calls=done.calls,
            writes=done.requests.writes,
            tokens=done.requests.tokens,
            cpu_seconds=round(done.done.cpu_seconds, 1),
            peak_rss_mb=round(done.settled.peak_rss_mb),
        )
        figure("settled_rss_10000_mb", done.settled.rss_mb, "MB")
        await stage.stop()
        await restart(stage)
        if time.time() > begins:
            raise RuntimeError("the machine is too busy: renewals fell due before the restart was over")
        stage.sts.answer_after(ANSWER_AFTER)
        await storm(stage, begins)
        await stage.stop()
        bare = await bare_writes(stage, wanted[0], 1000)
        figure("bare_writes_1000_seconds", bare, "s")


def spread(wanted: list[Place], begins: float) -> Iterator[tuple[str, float]]:
    """When the renewal of each session has to fall due: evenly from then on, in the order of the list."""
    for number, place in enumerate(wanted):
        yield place.session, begins + number * 60 / A_MINUTE


async def restart(stage: Bench) -> None:
    """An operator that finds everything in order."""
    before, calls = await Requests.read(stage.client), stage.sts.calls()
    began = time.perf_counter()
    await stage.start()
    seconds = await idle_since(stage) - began
    requests = await Requests.read(stage.client) - before
    told = await asyncio.to_thread(known_environments, stage)
    if told != OBJECTS:
        raise RuntimeError(f"the operator is idle, and has looked at {told} of {OBJECTS} environments")
    await asyncio.sleep(SETTLES_AFTER)
    usage = stage.usage()
    figure(
        "restart_10000_seconds",
        seconds,
        "s",
        cpu_seconds=round(usage.cpu_seconds, 1),
        reads=requests.reads,
        settled_rss_mb=round(usage.rss_mb),
    )
    figure("restart_mints", stage.sts.calls() - calls, "calls")
    figure("restart_writes", requests.writes, "writes")


async def idle_since(stage: Bench) -> float:
    """When the operator went idle: from then on it used next to no CPU for three seconds."""
    seen: list[tuple[float, float]] = []
    while True:
        now = time.perf_counter()
        seen.append((now, stage.usage().cpu_seconds))
        since, before = next((one for one in seen if one[0] >= now - 3), seen[-1])
        if now - since > 2.8 and seen[-1][1] - before < 0.1:
            return since
        await asyncio.sleep(0.1)


def known_environments(stage: Bench) -> int:
    """How many it has looked at, as it tells in its metrics."""
    lines = stage.operator.scrape().splitlines()
    return next(int(float(line.split()[-1])) for line in lines if line.startswith("esc_operator_environments "))


class Refresh(NamedTuple):
    due_at: float
    seen_at: float


@dataclass
class Onlooker:
    """Sees each refresh in the status that tells of it; so its lateness includes the write of that status."""

    due_at: dict[str, float] = field(default_factory=dict)
    refreshed_at: dict[str, str] = field(default_factory=dict)
    refreshes: list[Refresh] = field(default_factory=list)

    def take(self, body: dict[str, Any]) -> None:
        uid, status = body["metadata"]["uid"], body.get("status") or {}
        known, told = self.refreshed_at.get(uid), status.get("refreshedAt")
        if known and told != known:
            self.refreshes.append(Refresh(self.due_at[uid], time.time()))
        if told:
            self.refreshed_at[uid] = told
            self.due_at[uid] = datetime.fromisoformat(status["nextRefreshAt"]).timestamp()

    async def watch(self, stage: Bench) -> None:
        async for line in stage.client.watch(ENVIRONMENTS.path()):
            self.take(json.loads(line)["object"])


async def storm(stage: Bench, begins: float) -> None:
    onlooker = Onlooker()
    watching = asyncio.create_task(onlooker.watch(stage))
    # The order in which they were first synced is not quite that of the list: it takes a while until all take part.
    await asyncio.sleep(max(begins + 15 - time.time(), 10))
    if len(onlooker.due_at) < OBJECTS:
        raise RuntimeError(f"only {len(onlooker.due_at)} environments say when they are due")
    onlooker.refreshes.clear()
    before, used, began = await Requests.read(stage.client), stage.usage(), time.time()
    due = Counter(began <= at < began + STORM for at in onlooker.due_at.values())[True]
    waits = await newcomers(stage, began + STORM)
    await asyncio.sleep(began + STORM - time.time())
    seconds, usage, requests = time.time() - began, stage.usage(), await Requests.read(stage.client) - before
    refreshes = [one for one in onlooker.refreshes if one.due_at >= began]
    watching.cancel()
    tell_storm(seconds, due, refreshes, usage.cpu_seconds - used.cpu_seconds, requests)
    tell_newcomers(waits)
    tell_memory(usage)


async def newcomers(stage: Bench, until: float) -> list[float]:
    """The seconds from the creation of each of some new environments until its Secret is there."""
    appeared: dict[str, float] = {}

    async def watch() -> None:
        async for line in stage.client.watch(SECRETS.path("new")):
            appeared.setdefault(json.loads(line)["object"]["metadata"]["name"], time.perf_counter())

    watching = asyncio.create_task(watch())
    gap = (until - time.time() - 5) / NEWCOMERS
    sent = {}
    for number in range(NEWCOMERS):
        name = f"newcomer-{number:02d}"
        sent[name] = time.perf_counter()
        await stage.client.send("POST", ENVIRONMENTS.path("new"), environment_body(Place("new", name)))
        await asyncio.sleep(gap)
    watching.cancel()
    return [appeared[name] - at for name, at in sent.items()]


def tell_storm(seconds: float, due: int, refreshes: list[Refresh], cpu_seconds: float, requests: Requests) -> None:
    late = sorted(one.seen_at - one.due_at for one in refreshes)
    minutes = seconds / 60
    figure("steady_1000_per_minute_done", len(refreshes) / minutes, "a minute", due=round(due / minutes, 1))
    figure(
        "steady_lateness_p99_ms",
        percentile(late, 99) * 1000,
        "ms",
        p50=round(statistics.median(late) * 1000),
        worst=round(late[-1] * 1000),
        provider_ms=ANSWER_AFTER * 1000,
    )
    figure("steady_cpu_percent", cpu_seconds / seconds * 100, "% of a core")
    made = requests.writes - NEWCOMERS * 3  # their own creation, Secret and status
    figure(
        "steady_writes_per_refresh",
        made / len(refreshes),
        "writes",
        tokens=round(requests.tokens / len(refreshes), 2),
        reads=round(requests.reads / len(refreshes), 2),
    )


def tell_newcomers(waits: list[float]) -> None:
    figure(
        "new_behind_refreshes_p95_ms",
        percentile(sorted(waits), 95) * 1000,
        "ms",
        p50=round(statistics.median(waits) * 1000),
        worst=round(max(waits) * 1000),
        environments=len(waits),
        provider_ms=ANSWER_AFTER * 1000,
    )


def tell_memory(usage: Usage) -> None:
    figure("steady_rss_10000_mb", usage.rss_mb, "MB", peak_rss_mb=round(usage.peak_rss_mb))


def percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


if __name__ == "__main__":
    main([])
