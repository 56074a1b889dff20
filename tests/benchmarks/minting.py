"""Environments that each log in by themselves, and what their first sync costs.

None shares its login with another: each has a session name of its own. A hundred are in a namespace.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.bare_client import BareClient, for_each
from benchmarks.first_sync import count_ready, write_bare
from benchmarks.own_cluster import own_cluster
from benchmarks.process_usage import Usage, read_usage
from benchmarks.requests import Requests
from benchmarks.sts_double import StsDouble
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import ENVIRONMENTS, SERVICE_ACCOUNTS
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

A_NAMESPACE = 100
"""So many environments are in one."""
SETTLES_AFTER = 10.0
"""Seconds after the last write at which memory is looked at: nothing that was needed for the writes is needed then."""

NAMESPACES = "/api/v1/namespaces"
ACCOUNT = "apps"
ROLE = "arn:aws:iam::123456789012:role/bench"


class Place(NamedTuple):
    namespace: str
    name: str

    @property
    def session(self) -> str:
        return f"{self.namespace}.{self.name}"


def places(count: int, prefix: str = "team") -> list[Place]:
    return [
        Place(f"{prefix}-{number // A_NAMESPACE:03d}", f"env-{number % A_NAMESPACE:02d}") for number in range(count)
    ]


def environment_body(place: Place) -> dict[str, Any]:
    """An environment with a login and the three variables that come of it."""
    oidc = {"duration": "1h", "roleArn": ROLE, "sessionName": place.session}
    values = {
        "aws": {"login": {"fn::open::aws-login": {"oidc": oidc}}},
        "environmentVariables": {
            "AWS_ACCESS_KEY_ID": "${aws.login.accessKeyId}",
            "AWS_SECRET_ACCESS_KEY": "${aws.login.secretAccessKey}",
            "AWS_SESSION_TOKEN": "${aws.login.sessionToken}",
        },
    }
    return {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": place.name, "namespace": place.namespace},
        "spec": {"serviceAccountName": ACCOUNT, "environment": {"values": values}},
    }


@dataclass
class Bench:
    """A cluster, an STS and an operator that has been installed but not started, for one benchmark alone."""

    client: BareClient
    sts: StsDouble
    operator: LocalOperator

    async def start(self) -> None:
        await asyncio.to_thread(self.operator.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.operator.stop)

    def usage(self) -> Usage:
        return read_usage(self.operator.pid)

    async def create(self, wanted: Iterable[Place]) -> float:
        """The seconds that it took."""
        wanted = list(wanted)
        await self.create_namespaces({place.namespace for place in wanted})

        async def make(place: Place) -> None:
            await self.client.send("POST", ENVIRONMENTS.path(place.namespace), environment_body(place))

        return await for_each(wanted, MAX_CONNECTIONS, make)

    async def create_namespaces(self, names: Iterable[str]) -> None:
        async def make(name: str) -> None:
            await self.client.send("POST", NAMESPACES, {"metadata": {"name": name}})
            await self.client.send("POST", SERVICE_ACCOUNTS.path(name), {"metadata": {"name": ACCOUNT}})

        await for_each(sorted(names), MAX_CONNECTIONS, make)


@asynccontextmanager
async def bench(name: str, *arguments: str) -> AsyncIterator[Bench]:
    with (
        own_cluster(name) as (kubeconfig, context),
        tempfile.TemporaryDirectory() as folder,
        StsDouble() as sts,
    ):
        settings = {"AWS_ENDPOINT_URL_STS": sts.endpoint, "AWS_REGION": "eu-west-1"}
        operator = LocalOperator(
            kubeconfig, context, Path(folder), settings=settings, arguments=("--log-level=warning", *arguments)
        )
        operator.install()
        async with BareClient(kubeconfig, MAX_CONNECTIONS) as client:
            try:
                yield Bench(client, sts, operator)
            finally:
                await asyncio.to_thread(operator.stop)


@dataclass(frozen=True)
class FirstSync:
    """Of environments that were there before the operator's process was started: from its start to the last status.

    `settled` is the process a while later.
    """

    seconds: float
    calls: int
    requests: Requests
    done: Usage
    settled: Usage


async def first_sync(bench: Bench, wanted: list[Place]) -> FirstSync:
    """Of environments that have been created. Leaves the operator running."""
    ready = asyncio.create_task(count_ready(bench.client, None, len(wanted)))
    before, calls = await Requests.read(bench.client), bench.sts.calls()
    began = time.perf_counter()
    await bench.start()
    await ready
    seconds = time.perf_counter() - began
    done, requests = bench.usage(), await Requests.read(bench.client) - before
    await asyncio.sleep(SETTLES_AFTER)
    return FirstSync(seconds, bench.sts.calls() - calls, requests, done, bench.usage())


async def bare_writes(bench: Bench, model: Place, count: int) -> float:
    """The seconds of the same two writes for so many environments, by a client that does nothing else. Only while the
    operator is stopped: it must not take them for its own."""
    wanted = places(count, "bare")
    await bench.create(wanted)
    return await write_bare(bench.client, model, [(place.namespace, place.name) for place in wanted])
