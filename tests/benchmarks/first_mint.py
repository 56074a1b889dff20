"""The first sync of 1,000 and of 5,000 environments that each log in by themselves, with a provider that answers at
once and with one that takes 100 ms."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass

from benchmarks.bare_client import figure
from benchmarks.minting import FirstSync, bare_writes, bench, first_sync, places


@dataclass(frozen=True)
class Case:
    environments: int
    answer_after: float
    rounds: int


CASES = {
    "first_sync_1000_seconds": Case(1000, 0.0, 3),
    "first_sync_1000_100ms_seconds": Case(1000, 0.1, 3),
    "first_sync_5000_seconds": Case(5000, 0.0, 1),
}
MEMORY = {"settled_rss_1000_mb": "first_sync_1000_seconds"}

FIGURES = (*CASES, *MEMORY)


def main(names: list[str]) -> None:
    wanted = {MEMORY.get(name, name) for name in names} or set(CASES)
    for name, case in CASES.items():
        if name in wanted:
            tell(name, [asyncio.run(one_round(case)) for _ in range(case.rounds)])


async def one_round(case: Case) -> tuple[FirstSync, float]:
    wanted = places(case.environments)
    async with bench("esc-bench-mint") as stage:
        stage.sts.answer_after(case.answer_after)
        await stage.create(wanted)
        done = await first_sync(stage, wanted)
        await stage.stop()
        return done, await bare_writes(stage, wanted[0], case.environments)


def tell(name: str, rounds: list[tuple[FirstSync, float]]) -> None:
    syncs, bare = zip(*rounds, strict=True)
    median = statistics.median
    figure(
        name,
        median(one.seconds for one in syncs),
        "s",
        bare_seconds=round(median(bare), 2),
        calls=max(one.calls for one in syncs),
        writes=max(one.requests.writes for one in syncs),
        tokens=max(one.requests.tokens for one in syncs),
        reads=max(one.requests.reads for one in syncs),
        cpu_seconds=round(median(one.done.cpu_seconds for one in syncs), 2),
        peak_rss_mb=round(max(one.done.peak_rss_mb for one in syncs)),
        settled_rss_mb=round(max(one.settled.rss_mb for one in syncs)),
        rounds=len(rounds),
    )
    for memory in (one for one, of in MEMORY.items() if of == name):
        figure(memory, max(one.settled.rss_mb for one in syncs), "MB")


if __name__ == "__main__":
    main([])
