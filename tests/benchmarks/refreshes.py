"""Refreshes that change nothing, and the rotation of 1,000 environments, twenty at a time."""

from __future__ import annotations

import asyncio
import time

from benchmarks.bare_client import figure
from benchmarks.first_sync import count_ready
from benchmarks.minting import Bench, Place, bench, environment_body, first_sync, places
from benchmarks.requests import Requests
from esc_operator.kube.paths import ENVIRONMENTS, ROTATIONS

FIGURES = ("unchanged_refresh_writes", "rotation_1000_seconds")

OBJECTS = 1000
AT_ONCE = 20

STATIC = 100
INTERVAL = 30
"""The shortest interval at which inputs are read again."""

PATIENCE = 600.0


def main(names: list[str]) -> None:
    wanted = names or list(FIGURES)
    if "unchanged_refresh_writes" in wanted:
        asyncio.run(unchanged())
    if "rotation_1000_seconds" in wanted:
        asyncio.run(rotation())


async def unchanged() -> None:
    """Inputs without an expiry are read again, and are what they were."""
    wanted = [Place("static", f"env-{number:02d}") for number in range(STATIC)]
    async with bench("esc-bench-unchanged", "--log-level=info") as stage:
        await stage.create_namespaces(["static"])
        for place in wanted:
            body = environment_body(place)
            keys = {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "static"}
            body["spec"]["environment"]["values"]["aws"]["login"]["fn::open::aws-login"] = {"static": keys}
            del body["spec"]["environment"]["values"]["environmentVariables"]["AWS_SESSION_TOKEN"]
            body["spec"]["refresh"] = {"interval": f"{INTERVAL}s"}
            await stage.client.send("POST", ENVIRONMENTS.path("static"), body)
        ready = asyncio.create_task(count_ready(stage.client, "static", STATIC))
        await stage.start()
        await ready
        await asyncio.sleep(1)
        before = await Requests.read(stage.client)
        await asyncio.sleep(2.5 * INTERVAL)
        requests = await Requests.read(stage.client) - before
        refreshes = stage.operator.log.read_text().count("syncing (IntervalElapsed)")
        if refreshes < 2 * STATIC:
            raise RuntimeError(f"there were only {refreshes} refreshes")
        figure("unchanged_refresh_writes", requests.writes, "writes", refreshes=refreshes, reads=requests.reads)


async def rotation() -> None:
    wanted = places(OBJECTS)
    async with bench("esc-bench-rotation") as stage:
        await stage.create(wanted)
        await first_sync(stage, wanted)
        stage.sts.answer_after(0.1)
        before, calls, used = await Requests.read(stage.client), stage.sts.calls(), stage.usage()
        seconds = await rotate(stage)
        requests = await Requests.read(stage.client) - before
        figure(
            "rotation_1000_seconds",
            seconds,
            "s",
            at_once=AT_ONCE,
            calls=stage.sts.calls() - calls,
            writes=requests.writes,
            cpu_seconds=round(stage.usage().cpu_seconds - used.cpu_seconds, 1),
            provider_ms=100,
        )


async def rotate(stage: Bench) -> float:
    """The seconds from an EscRotation's creation until it says that it has succeeded."""
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscRotation",
        "metadata": {"name": "all"},
        "spec": {"selector": {}, "maxConcurrent": AT_ONCE},
    }
    began = time.perf_counter()
    await stage.client.send("POST", ROTATIONS.path(), body)
    while time.perf_counter() < began + PATIENCE:
        status = (await stage.client.send("GET", ROTATIONS.path(None, "all"))).get("status") or {}
        if status.get("completedAt"):
            if status["phase"] != "Succeeded":
                raise RuntimeError(f"the rotation has ended otherwise: {status}")
            return time.perf_counter() - began
        await asyncio.sleep(0.2)
    raise RuntimeError("the rotation has not ended")


if __name__ == "__main__":
    main([])
