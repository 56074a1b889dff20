"""What a scrape of `/metrics` costs with 10,000 environments: CPU in all, and the longest hold-up of other work.

The cache is filled by hand, since only what is in it counts; a twentieth of the environments are failing. Prints one
JSON line a figure.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from datetime import UTC, datetime, timedelta

from esc_operator.handlers.exposition import Exposition
from esc_operator.handlers.metrics import Metrics
from esc_operator.handlers.snapshot import Snapshot
from esc_operator.reconciliation.sync.cache import Cache
from esc_operator.resources.conditions import READY, REFRESHED, Condition
from esc_operator.resources.environment import parse_environment
from esc_operator.resources.status import Status

FIGURES = ("scrape_cpu_ms_10000", "scrape_hold_up_ms_10000")

ENVIRONMENTS, NAMESPACES, SCRAPES = 10_000, 200, 20
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def fill(cache: Cache) -> None:
    for number in range(ENVIRONMENTS):
        namespace, name = f"namespace-{number % NAMESPACES}", f"environment-{number}"
        metadata = {"namespace": namespace, "name": name, "uid": f"uid-{number}", "generation": 1}
        conditions = (
            Condition(READY, "True", "Synced", "", 1, START),
            Condition(REFRESHED, "True" if number % 20 else "False", "Refreshed", "", 1, START),
        )
        status = Status(conditions=conditions, expires_at=START + timedelta(seconds=900 + number))
        cache.enter(parse_environment({"metadata": metadata, "spec": {}}), status, "1", START)


def tell(metrics: Metrics) -> None:
    """As many series of requests as an operator has."""
    for verb in ("get", "list", "watch", "patch", "create", "delete"):
        for resource in ("secrets", "escenvironments", "escenvironments/status", "events", "serviceaccounts/token"):
            metrics.requested(verb, resource, "200", 0.01)


async def measure(exposition: Exposition) -> tuple[float, float]:
    """Seconds of CPU of one scrape, and the longest time for which nothing else got its turn."""
    held_up = 0.0

    async def beat() -> None:
        nonlocal held_up
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            held_up = max(held_up, time.thread_time() - before)

    beating = asyncio.create_task(beat())
    before = time.process_time()
    await exposition.text()
    seconds = time.process_time() - before
    await asyncio.sleep(0)  # it has yet to find out about the last part
    beating.cancel()
    return seconds, held_up


def main(names: list[str]) -> None:
    cache, metrics = Cache(), Metrics()
    fill(cache)
    tell(metrics)
    snapshot = Snapshot(
        True, 0, ENVIRONMENTS, 1.0, 0, 0, {"change": 0, "refresh": 0}, {"secrets": 1.0}, {"aws-login": 0}, {}, {}
    )
    exposition = Exposition(metrics, lambda: snapshot, cache.entries, lambda: START, ENVIRONMENTS, access=None)
    found = [asyncio.run(measure(exposition)) for _ in range(SCRAPES)]
    for name, seconds in zip(FIGURES, map(statistics.median, zip(*found, strict=True)), strict=True):
        if not names or name in names:
            print(json.dumps({"figure": name, "value": round(seconds * 1000, 1), "unit": "ms"}))
