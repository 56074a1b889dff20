"""The first sync of 1,000 environments with static values, over the bare cost of its two writes an object.

The environments exist before the operator starts; the time runs from the start of its process to the last status, so
the start itself counts in full. The bare client then makes the same two writes, with bodies taken from what the
operator wrote, for as many objects, over as many connections.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bare_client import APPLY, MERGE, BareClient, figure, for_each
from benchmarks.own_cluster import own_cluster
from esc_operator.handlers.options import Options
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS
from local_operator import LocalOperator

FIGURES = ("first_sync_1000_ratio",)

OBJECTS = 1000
ROUNDS = 3
NAMESPACES = "/api/v1/namespaces"


def main(_: list[str]) -> None:
    with own_cluster("esc-bench") as (kubeconfig, context), tempfile.TemporaryDirectory() as folder:
        operator = LocalOperator(kubeconfig, context, Path(folder), arguments=("--log-level=warning",))
        operator.install()
        rounds = [asyncio.run(one_round(kubeconfig, operator, number)) for number in range(ROUNDS)]
    ratios = [synced / bare for synced, bare in rounds]
    synced, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    figure(
        "first_sync_1000_ratio",
        statistics.median(ratios),
        "x bare write time",
        seconds=round(synced, 2),
        bare_seconds=round(bare, 2),
        rounds=ROUNDS,
    )


async def one_round(kubeconfig: Path, operator: LocalOperator, number: int) -> tuple[float, float]:
    """Seconds of the first sync, and of the bare writes."""
    names = [f"env-{index}" for index in range(OBJECTS)]
    synced, bare = f"synced-{number}", f"bare-{number}"
    async with BareClient(kubeconfig, MAX_CONNECTIONS) as client:
        for namespace in (synced, bare):
            await client.send("POST", NAMESPACES, {"metadata": {"name": namespace}})
        await create(client, synced, names)
        began = time.perf_counter()
        ready = asyncio.create_task(count_ready(client, synced, OBJECTS))
        await asyncio.to_thread(operator.start)
        await ready
        seconds = time.perf_counter() - began
        await asyncio.to_thread(operator.stop)
        await create(client, bare, names)
        bare_seconds = await write_bare(client, (synced, names[0]), [(bare, name) for name in names])
        for namespace in (synced, bare):
            await client.send("DELETE", ENVIRONMENTS.path(namespace))
            await client.send("DELETE", SECRETS.path(namespace))
    return seconds, bare_seconds


async def create(client: BareClient, namespace: str, names: list[str]) -> None:
    async def make(name: str) -> None:
        values = {"name": name, "environmentVariables": {"NAME": "${name}", "LEVEL": "info", "REGION": "eu-west-1"}}
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscEnvironment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"environment": {"values": values}},
        }
        await client.send("POST", ENVIRONMENTS.path(namespace), body)

    await for_each(names, MAX_CONNECTIONS, make)


async def count_ready(client: BareClient, namespace: str | None, expected: int) -> None:
    """Wait until so many environments, of a namespace or of all, tell that they are synced."""
    ready: set[bytes] = set()
    async for line in client.watch(ENVIRONMENTS.path(namespace)):
        if b'"reason":"Synced"' in line:
            ready.add(line.split(b'"uid":"', 1)[1][:36])
        if len(ready) == expected:
            return
    raise RuntimeError("the watch ended early")


async def write_bare(client: BareClient, model: tuple[str, str], targets: list[tuple[str, str]]) -> float:
    """The seconds of a Secret by server-side apply and a status by merge patch for each target, namespace and name of
    an environment. What is written is like what the operator wrote for `model`."""
    secret = await client.send("GET", SECRETS.path(*model))
    status = (await client.send("GET", ENVIRONMENTS.path(*model)))["status"]
    uids: dict[tuple[str, str], str] = {}
    for namespace in {namespace for namespace, _ in targets}:
        for item in (await client.send("GET", ENVIRONMENTS.path(namespace)))["items"]:
            uids[namespace, item["metadata"]["name"]] = item["metadata"]["uid"]

    async def write(target: tuple[str, str]) -> None:
        body = secret_like(secret, *target, uids[target])
        await client.send("PATCH", f"{SECRETS.path(*target)}?fieldManager=bare&force=false", body, APPLY)
        path = ENVIRONMENTS.path(*target, "status")
        await client.send("PATCH", path, {"status": {**status, "secretName": target[1]}}, MERGE)

    at_once = Options().workers + 8
    return await for_each(targets, at_once, write)


def secret_like(secret: dict[str, Any], namespace: str, name: str, uid: str) -> dict[str, Any]:
    metadata = secret["metadata"]
    owner = {**metadata["ownerReferences"][0], "name": name, "uid": uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": metadata["labels"],
            "annotations": metadata["annotations"],
            "ownerReferences": [owner],
        },
        "type": secret["type"],
        "data": secret["data"],
    }
