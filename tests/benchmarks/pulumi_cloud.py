"""1,000 environments that a Pulumi Cloud evaluates, whose every answer takes 100 ms: how long the first sync of all
takes, and how often the service is asked, then and at each refresh.

The environments exist before the operator starts; the time runs from the start of its process to the last status. They
are in 20 namespaces, each with a ServiceAccount whose token is exchanged. Tokens are shared, and counted apart.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bare_client import BareClient, figure, for_each
from benchmarks.own_cluster import own_cluster
from benchmarks.process_usage import read_usage
from cluster.harness import Cluster
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import ENVIRONMENTS, NAMESPACES
from esc_operator.resources.allowances import ALLOWED_TOKEN_AUDIENCES
from local_operator import LocalOperator
from local_pulumi import PulumiProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES = (
    "pulumi_first_sync_1000_seconds",
    "pulumi_requests_per_environment",
    "pulumi_steady_requests_per_refresh",
)

MANY, TEAMS = 1000, 20
DELAY = 0.1
"""Seconds that each answer takes, the exchange of a token's too."""
STEADY, LIFETIME, STEADY_SECONDS = 100, "30s", 60.0
"""So many environments are refreshed for so long, ahead of the end of their values' lifetime."""
ORGANIZATION = "acme"
EXCHANGE = "POST /api/oauth/token"
TEXT = """
values:
  name: {name}
  environmentVariables:
    NAME: ${{name}}
    LEVEL: info
    PASSWORD: {{fn::secret: a password}}
"""


def main(_: list[str]) -> None:
    with own_cluster("esc-bench") as (kubeconfig, context), tempfile.TemporaryDirectory() as name:
        cluster, folder = Cluster(kubeconfig, context), Path(name)
        with PulumiProcess(folder / "pulumi") as cloud:
            trust(cloud, cluster, folder)
            operator = LocalOperator(
                kubeconfig,
                context,
                folder,
                settings={"SSL_CERT_FILE": str(cloud.ca_file)},
                arguments=("--log-level=warning", f"--allowed-url={cloud.url}"),
            )
            operator.install()
            try:
                asyncio.run(measure(kubeconfig, operator, cloud))
            finally:
                operator.stop()
        cluster.close()


def trust(cloud: PulumiProcess, cluster: Cluster, folder: Path) -> None:
    trusted = {"organization": ORGANIZATION, "issuer": cluster.issuer()}
    cloud.ask("create_organization", name=ORGANIZATION)
    cloud.ask("trust_issuer", **trusted, ca_file=str(cluster.write_authority(folder)))
    cloud.ask("add_policy", **trusted, subject="system:serviceaccount:team-*:default")


async def measure(kubeconfig: Path, operator: LocalOperator, cloud: PulumiProcess) -> None:
    async with BareClient(kubeconfig, MAX_CONNECTIONS) as client:
        teams = [f"team-{number}" for number in range(TEAMS)]
        await for_each(teams, MAX_CONNECTIONS, lambda name: create_namespace(client, name))
        places = [(teams[number % TEAMS], f"env-{number}") for number in range(MANY)]
        await create(client, cloud, places, "1h")
        await first_sync(client, operator, cloud)
        steady = [(teams[number % TEAMS], f"steady-{number}") for number in range(STEADY)]
        await create(client, cloud, steady, LIFETIME)
        await refresh(client, operator, cloud, [name for _, name in steady])


async def create_namespace(client: BareClient, name: str) -> None:
    annotations = {ALLOWED_TOKEN_AUDIENCES: f"urn:pulumi:org:{ORGANIZATION}"}
    await client.send("POST", NAMESPACES.path(), {"metadata": {"name": name, "annotations": annotations}})


async def create(client: BareClient, cloud: PulumiProcess, places: Sequence[tuple[str, str]], lifetime: str) -> None:
    """Environments of these namespaces and names, here and in the Pulumi Cloud."""
    await asyncio.to_thread(put, cloud, [name for _, name in places])

    async def make(place: tuple[str, str]) -> None:
        source = {
            "organization": ORGANIZATION,
            "project": "shop",
            "environment": place[1],
            "apiUrl": cloud.url,
            "lifetime": lifetime,
            "oidc": {},
        }
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscEnvironment",
            "metadata": {"namespace": place[0], "name": place[1]},
            "spec": {"environmentFrom": {"pulumi": source}},
        }
        await client.send("POST", ENVIRONMENTS.path(place[0]), body)

    await for_each(places, MAX_CONNECTIONS, make)


def put(cloud: PulumiProcess, names: Sequence[str]) -> None:
    for name in names:
        cloud.ask("put", organization=ORGANIZATION, environment=f"shop/{name}", text=TEXT.format(name=name))


async def first_sync(client: BareClient, operator: LocalOperator, cloud: PulumiProcess) -> None:
    cloud.ask("change", delay=DELAY)
    cloud.ask("forget_requests")
    serving = read_usage(cloud.pid).cpu_seconds
    began = time.perf_counter()
    ready = asyncio.create_task(until_ready(client, MANY))
    await asyncio.to_thread(operator.start)
    started = time.perf_counter() - began
    await ready
    seconds = time.perf_counter() - began
    usage = read_usage(operator.pid)
    asked: Counter[str] = Counter(cloud.ask("counts"))
    tokens = asked.pop(EXCHANGE, 0)
    figure(
        "pulumi_first_sync_1000_seconds",
        seconds,
        "seconds",
        start_seconds=round(started, 2),
        operator_cpu_seconds=round(usage.cpu_seconds, 2),
        pulumi_cpu_seconds=round(read_usage(cloud.pid).cpu_seconds - serving, 2),
        delay_seconds=DELAY,
    )
    figure("pulumi_requests_per_environment", asked.total() / MANY, "requests", tokens=tokens, by_operation=dict(asked))


async def until_ready(client: BareClient, expected: int) -> None:
    """Wait until so many environments report that they are synced."""
    ready: set[bytes] = set()
    async for line in client.watch(ENVIRONMENTS.path(None)):
        if b'"reason":"Synced"' in line:
            ready.add(line.split(b'"uid":"', 1)[1][:36])
        if len(ready) == expected:
            return
    raise RuntimeError("the watch ended early")


async def refresh(client: BareClient, operator: LocalOperator, cloud: PulumiProcess, names: Sequence[str]) -> None:
    """Count what is asked about these environments, and how often their statuses say that they were refreshed."""
    refreshed: defaultdict[str, set[str]] = defaultdict(set)
    failing: set[str] = set()
    try:
        async with asyncio.timeout(STEADY_SECONDS):
            async for line in client.watch(ENVIRONMENTS.path(None)):
                body = json.loads(line)["object"]
                note(body, refreshed, failing)
    except TimeoutError:
        pass
    # It finishes what is under way: then all that was asked is reported.
    await asyncio.to_thread(operator.stop)
    asked = [one for one in cloud.ask("requests") if name_of(one["path"]) in names]
    for body in (await client.send("GET", ENVIRONMENTS.path(None)))["items"]:
        note(body, refreshed, failing)
    times = sum(len(refreshed[name]) for name in names)
    figure(
        "pulumi_steady_requests_per_refresh",
        len(asked) / times,
        "requests",
        refreshes=times,
        environments=len(names),
        seconds=STEADY_SECONDS,
        failing=len(failing),
    )


def note(body: Mapping[str, Any], refreshed: Mapping[str, set[str]], failing: set[str]) -> None:
    name, status = body["metadata"]["name"], body.get("status") or {}
    if at := status.get("refreshedAt"):
        refreshed[name].add(at)
    if status.get("failures"):
        failing.add(name)


def name_of(path: str) -> str:
    """The environment that a request is about: `/api/esc/environments/ORGANIZATION/PROJECT/NAME/...`."""
    parts = path.split("/")
    return parts[6] if len(parts) > 6 else ""
