"""One ClusterEscEnvironment with a login in 500 namespaces: how often the provider is called, and how long all take.

The namespaces exist before the environment does; the time runs from its creation to the status that says that all have
the Secret. The bare client then writes as many Secrets of the same content into the same namespaces, over as many
connections as a fan-out has at once.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bare_client import APPLY, BareClient, figure, for_each
from benchmarks.own_cluster import own_cluster
from cluster.harness import Cluster
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, SECRETS
from esc_operator.reconciliation.fan_out.sites import AT_ONCE
from local_aws import LocalAws
from local_operator import LocalOperator

FIGURES = ("fan_out_500_provider_calls",)

MANY = 500
NAMESPACES = "/api/v1/namespaces"
PATIENCE = 300


def main(_: list[str]) -> None:
    with own_cluster("esc-bench") as (kubeconfig, context), tempfile.TemporaryDirectory() as name, LocalAws() as aws:
        cluster, folder = Cluster(kubeconfig, context), Path(name)
        authority = folder / "cluster-ca.crt"
        authority.write_bytes(cluster.authority())
        aws.trust(cluster.issuer(), authority)
        role = aws.create_role("wide", cluster.issuer(), "system:serviceaccount:default:default", max_session=43200)
        operator = LocalOperator(
            kubeconfig, context, folder, settings=aws.environment, arguments=("--log-level=warning",)
        )
        with operator:
            seconds, bare = asyncio.run(fan_out(kubeconfig, role))
        calls = aws.mints().by_role.get(role, 0)
        cluster.close()
    figure(
        "fan_out_500_provider_calls",
        calls,
        "calls",
        seconds=round(seconds, 2),
        bare_seconds=round(bare, 2),
        ratio=round(seconds / bare, 2),
    )


async def fan_out(kubeconfig: Path, role: str) -> tuple[float, float]:
    """Seconds until all namespaces have the Secret, and of the bare writes."""
    names = [f"team-{number}" for number in range(MANY)]
    async with BareClient(kubeconfig, MAX_CONNECTIONS) as client:

        async def make(name: str) -> None:
            await client.send("POST", NAMESPACES, {"metadata": {"name": name, "labels": {"wide": "yes"}}})

        await for_each(names, AT_ONCE, make)
        began = time.perf_counter()
        await client.send("POST", CLUSTER_ENVIRONMENTS.path(), environment(role))
        await until_synced(client)
        seconds = time.perf_counter() - began
        secret = await client.send("GET", SECRETS.path(names[0], "wide"))

        async def write(name: str) -> None:
            body = like(secret, name)
            await client.send("PATCH", f"{SECRETS.path(name, 'bare')}?fieldManager=bare&force=false", body, APPLY)

        return seconds, await for_each(names, AT_ONCE, write)


def environment(role: str) -> dict[str, Any]:
    oidc = {"duration": "1h", "roleArn": role, "sessionName": "wide"}
    variables = {
        "AWS_ACCESS_KEY_ID": "${aws.login.accessKeyId}",
        "AWS_SECRET_ACCESS_KEY": "${aws.login.secretAccessKey}",
        "AWS_SESSION_TOKEN": "${aws.login.sessionToken}",
    }
    values = {"aws": {"login": {"fn::open::aws-login": {"oidc": oidc}}}, "environmentVariables": variables}
    return {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": "wide"},
        "spec": {
            "environment": {"values": values},
            "serviceAccount": {"namespace": "default", "name": "default"},
            "target": {"namespaceSelector": {"matchLabels": {"wide": "yes"}}},
        },
    }


async def until_synced(client: BareClient) -> None:
    deadline = time.perf_counter() + PATIENCE
    while True:
        found = await client.send("GET", CLUSTER_ENVIRONMENTS.path(None, "wide"))
        status = found.get("status") or {}
        if (status.get("namespaces") or {}).get("synced") == MANY:
            return
        if time.perf_counter() > deadline:
            raise RuntimeError(f"not all have it: {status}")
        await asyncio.sleep(0.05)


def like(secret: dict[str, Any], namespace: str) -> dict[str, Any]:
    metadata = secret["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bare", "namespace": namespace, "annotations": metadata["annotations"]},
        "type": secret["type"],
        "data": secret["data"],
    }
