"""The memory of an operator whose tenants make objects as large as the API server takes them.

All that it reads is there in numbers and as large as may be: environments that are suspended, evaluated and refused,
Secrets with its label, workloads of a namespace that is rolled out, namespaces, EscRotations, ClusterEscEnvironments.
It is started amidst them, again, and then they are changed for a while, as fast as they can be. The process is held to
the limit of deploy/base by a cgroup, where one can be made; in any case its highest resident set is read, and one that
goes over the limit counts as killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.bare_client import MERGE, BareClient, figure, for_each
from benchmarks.own_cluster import own_cluster
from benchmarks.process_usage import read_usage
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, NAMESPACES, ROTATIONS, SECRETS, Resource
from esc_operator.resources import ENVIRONMENT, MANAGED_BY, MANAGED_BY_LABEL
from local_cluster import places
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIGURES = ("big_objects_rss_mb", "big_objects_kills")

RED, BLUE = "red", "blue"
SUSPENDED, EVALUATED, REFUSED, SECRETS_OF_RED, WORKLOADS, WIDE, OTHERS = 120, 20, 20, 1000, 200, 10, 40
ANNOTATION = 250_000
CHANGE_SECONDS = 30.0
NEIGHBOUR_SECONDS = 120.0
START_SECONDS = 240.0
"""Half a gigabyte is listed before it is ready."""
AT_ONCE = 4
DEPLOYMENTS = Resource("/apis/apps/v1", "deployments", "Deployment")
CGROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


def main(_: list[str]) -> None:
    limit = memory_limit()
    with own_cluster("esc-memory") as (kubeconfig, context), tempfile.TemporaryDirectory() as folder:
        operator = LocalOperator(
            kubeconfig, context, Path(folder), arguments=("--log-level=warning",), start_seconds=START_SECONDS
        )
        operator.install()
        watched = Watched(operator, limit)
        asyncio.run(play(kubeconfig, watched))
    more: dict[str, float | str] = {**watched.peaks, "limit_mb": limit / 2**20, "held_by": watched.held_by}
    more |= {"first_s": round(watched.first, 2), "neighbour_s": round(watched.slowest, 2)}
    figure("big_objects_rss_mb", max(watched.peaks.values()), "MB", **more)
    figure("big_objects_kills", watched.kills, "kills")


def memory_limit() -> int:
    """That of deploy/base, in bytes."""
    found = list(yaml.safe_load_all((places.REPOSITORY / "deploy/base/deployment.yaml").read_text()))
    deployment = next(body for body in found if body["kind"] == "Deployment")
    text = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    assert text.endswith("Mi"), text
    return int(text.removesuffix("Mi")) * 2**20


class Watched:
    """An operator whose memory is looked at. `peaks` are those of each of its lives, in MB. How long a small one of
    another namespace took at most, in seconds: `first` where it came while all was listed, `slowest` after that."""

    def __init__(self, operator: LocalOperator, limit: int) -> None:
        self._operator = operator
        self._limit = limit
        self.peaks: dict[str, float] = {}
        self.kills = 0
        self.first = self.slowest = 0.0
        self.held_by = "nothing"

    @contextlib.contextmanager
    def life(self, name: str) -> Iterator[None]:
        self._operator.start()
        pid = self._operator.pid
        with self._held(pid):
            try:
                yield
                usage = read_usage(pid)
            except FileNotFoundError:
                usage = None
            if usage is None or not self._operator.is_running():
                self.kills += 1
                self.peaks[name] = self._limit / 2**20
                self._operator.kill()
                return
            self.peaks[name] = round(usage.peak_rss_mb, 1)
            self.kills += usage.peak_rss_mb * 2**20 > self._limit
            self._operator.stop()

    @contextlib.contextmanager
    def _held(self, pid: int) -> Iterator[None]:
        group = next((root / f"esc-memory-{pid}" for root in CGROUPS if (root / "cgroup.procs").exists()), None)
        try:
            assert group is not None
            group.mkdir()
            file = "memory.max" if (group / "memory.max").exists() else "memory.limit_in_bytes"
            (group / file).write_text(str(self._limit))
            (group / "cgroup.procs").write_text(str(pid))
        except (OSError, AssertionError):
            yield
            return
        self.held_by = "cgroup"
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                (group.parent / "cgroup.procs").write_text(str(pid))
            with contextlib.suppress(OSError):
                group.rmdir()


async def play(kubeconfig: Path, watched: Watched) -> None:
    async with BareClient(kubeconfig, AT_ONCE * 2) as client:
        await furnish(client)
        numbers = itertools.count()
        for life in ("start", "restart"):
            with watched.life(life):
                watched.first = max(watched.first, await serve_neighbour(client, f"new-{next(numbers)}"))
                await asyncio.sleep(CHANGE_SECONDS / 2)
        with watched.life("changes"):
            watched.first = max(watched.first, await serve_neighbour(client, f"new-{next(numbers)}"))
            changing = asyncio.create_task(change(client))
            while not changing.done():
                watched.slowest = max(watched.slowest, await serve_neighbour(client, f"new-{next(numbers)}"))
                await asyncio.sleep(1)
            await changing
        await tell_refused(client)


def dense(size: int, number: int) -> dict[str, Any]:
    """A definition of about that many bytes, of many small values."""
    return {"values": {"n": [f"value {number}"] * (size // len(f'"value {number}",'))}}


def long(size: int, number: int) -> dict[str, Any]:
    """One of few and long values."""
    return {"values": {"n": number, **{f"v{index}": "x" * 65_000 for index in range(size // 65_100)}}}


def environment(name: str, definition: dict[str, Any], namespace: str = RED, **spec: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment" if namespace else "ClusterEscEnvironment",
        "metadata": {"name": name, **where},
        "spec": {"environment": definition, **spec},
    }


def annotated(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": {"big": "x" * ANNOTATION}, **metadata}}


def workload(name: str) -> dict[str, Any]:
    """A workload of a megabyte that takes no Secret of ours."""
    labels = {"app": name}
    container = {"name": "c", "image": "none", "env": [{"name": "BIG", "value": "x" * 950_000}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


async def furnish(client: BareClient) -> None:
    for name in (RED, BLUE):
        await client.send("POST", NAMESPACES.path(), {"metadata": {"name": name}})
    await make(client, NAMESPACES.path(), OTHERS, lambda number: annotated(f"big-{number}"))
    environments = ENVIRONMENTS.path(RED)
    sizes: tuple[tuple[str, int, Callable[[int, int], dict[str, Any]], int, dict[str, Any]], ...] = (
        ("suspended-dense", SUSPENDED // 2, dense, 1_300_000, {"suspend": True}),
        ("suspended-long", SUSPENDED // 2, long, 1_300_000, {"suspend": True}),
        ("evaluated", EVALUATED // 2, long, 900_000, {}),
        ("evaluated-dense", EVALUATED // 2, dense, 500_000, {}),
        ("refused", REFUSED, dense, 1_300_000, {}),
    )
    for kind, count, shape, size, spec in sizes:
        await make(
            client,
            environments,
            count,
            lambda number, kind=kind, shape=shape, size=size, spec=spec: environment(  # type: ignore[misc]
                f"{kind}-{number}", shape(size, number), **spec
            ),
        )
    await make(
        client,
        CLUSTER_ENVIRONMENTS.path(None),
        WIDE,
        lambda number: environment(f"wide-{number}", dense(1_300_000, number), namespace=""),
    )
    labels = {MANAGED_BY_LABEL: MANAGED_BY}
    await make(client, SECRETS.path(RED), SECRETS_OF_RED, lambda number: forged(number, labels))
    await make(client, DEPLOYMENTS.path(RED), WORKLOADS, lambda number: workload(f"big-{number}"))
    rolled = environment("rolled", {"values": {"environmentVariables": {"A": "1"}}}, rollout={"policy": "OnChange"})
    await client.send("POST", environments, rolled)
    await make(client, ROTATIONS.path(), OTHERS // 2, rotation)


def forged(number: int, labels: dict[str, str]) -> dict[str, Any]:
    body = annotated(f"big-{number}", labels=labels)
    body["metadata"]["annotations"][ENVIRONMENT] = f"evaluated-{number}"
    return body


def rotation(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscRotation",
        **annotated(f"big-{number}"),
        "spec": {"reason": "none of them", "selector": {"namespaces": [RED]}, "dryRun": True},
    }


async def make(client: BareClient, path: str, count: int, body: Callable[[int], dict[str, Any]]) -> None:
    await for_each(range(count), AT_ONCE, lambda number: client.send("POST", path, body(number)))


async def change(client: BareClient) -> None:
    """All that is large, again and again."""
    until = time.monotonic() + CHANGE_SECONDS
    numbers = itertools.count(1)

    async def touch() -> None:
        while time.monotonic() < until:
            number = next(numbers)
            value = {"metadata": {"annotations": {"touched": str(number)}}}
            kinds: tuple[tuple[str, dict[str, Any]], ...] = (
                (ENVIRONMENTS.path(RED, f"suspended-dense-{number % (SUSPENDED // 2)}"), {"spec": {"suspend": True}}),
                (ENVIRONMENTS.path(RED, f"evaluated-{number % (EVALUATED // 2)}"), _other_value(number)),
                (ENVIRONMENTS.path(RED, f"refused-{number % REFUSED}"), _other_value(number)),
                (SECRETS.path(RED, f"big-{number % SECRETS_OF_RED}"), {}),
                (DEPLOYMENTS.path(RED, f"big-{number % WORKLOADS}"), {}),
                (NAMESPACES.path(None, f"big-{number % OTHERS}"), {}),
                (ROTATIONS.path(None, f"big-{number % (OTHERS // 2)}"), {}),
                (ENVIRONMENTS.path(RED, "rolled"), _other_variable(number)),
            )
            path, more = kinds[number % len(kinds)]
            await client.send("PATCH", path, {**value, **more}, MERGE)

    await asyncio.gather(*(touch() for _ in range(AT_ONCE)))


def _other_value(number: int) -> dict[str, Any]:
    return {"spec": {"environment": {"values": {"changed": number}}}}


def _other_variable(number: int) -> dict[str, Any]:
    return {"spec": {"environment": {"values": {"environmentVariables": {"A": str(number)}}}}}


async def serve_neighbour(client: BareClient, name: str) -> float:
    """Seconds until a new and small environment of another namespace has its Secret."""
    began = time.monotonic()
    body = environment(name, {"values": {"environmentVariables": {"A": "1"}}}, BLUE)
    await client.send("POST", ENVIRONMENTS.path(BLUE), body)
    while time.monotonic() < began + NEIGHBOUR_SECONDS:
        found = await client.send("GET", ENVIRONMENTS.path(BLUE, name))
        conditions = (found.get("status") or {}).get("conditions") or ()
        if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
            break
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def tell_refused(client: BareClient) -> None:
    """What the author of one that is too large reads."""
    found = await client.send("GET", ENVIRONMENTS.path(RED, "refused-0"))
    conditions = (found.get("status") or {}).get("conditions") or ()
    ready: dict[str, Any] = next((one for one in conditions if one["type"] == "Ready"), {})
    print(f"{ready.get('reason')}: {ready.get('message')}", flush=True)
