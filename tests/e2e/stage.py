"""What the pods play on: a cluster with a node and the workloads' image, an AWS, and the operator.

Owns their lives and nothing of what is shown.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.harness import Cluster, Tenant, create_tenant, trusting_aws
from demo import nodes
from local_cluster import choose, images
from local_cluster import cluster as clusters
from local_cluster.tools import find_kubectl
from local_operator import LocalOperator
from local_postgres import LocalPostgres
from local_pulumi import LocalPulumi
from local_vault import LocalVault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws import LocalAws

PREFIX = "e2e-"
BUCKET, OBJECT = "reports", "january.csv"


@dataclass(frozen=True)
class Stage:
    """`endpoint` is where pods find the AWS; `program` runs the cluster."""

    program: choose.KindProgram
    name: str
    cluster: Cluster
    aws: LocalAws
    pulumi: LocalPulumi
    operator: LocalOperator
    endpoint: str
    folder: Path
    certified_vault: LocalVault
    """Not started yet; the operator knows its certificate."""

    @contextlib.contextmanager
    def vault(self) -> Iterator[tuple[LocalVault, LocalPostgres]]:
        """A Vault with a database, which accepts the cluster's tokens. Pods reach the database on loopback."""
        with LocalPostgres() as postgres, self.certified_vault as vault:
            vault.trust(self.cluster.issuer(), self.cluster.write_authority(vault.ca_file.parent))
            vault.serve_database(postgres)
            yield vault, postgres

    def endpoint_for_pods(self, url: str) -> contextlib.AbstractContextManager[str]:
        """Where pods find what listens on this machine's loopback as `url`."""
        return nodes.endpoint_for_pods(self.program, self.name, url)

    def tenant(self, namespace: str, account: str = "default") -> Tenant:
        """A new namespace, with a role that trusts one of its ServiceAccounts."""
        return create_tenant(self.cluster, self.aws, namespace, account)

    def kubectl(self, *arguments: str) -> str:
        command = [str(find_kubectl()), "--kubeconfig", str(self.cluster.kubeconfig), "--context", self.cluster.context]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout


def why_no_node() -> str | None:
    return nodes.why_no_node(choose.choose_cluster())


@contextlib.contextmanager
def set_up() -> Iterator[Stage]:
    """All of it, where `why_no_node` gives no reason."""
    program, name = choose.choose_kind(), f"{PREFIX}{os.getpid()}"
    if not program.needs_docker:
        _delete_clusters_of_killed_runs()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="esc-e2e-")))
        images.build(images.WORKLOAD.name)
        kubeconfig = folder / "kubeconfig"
        stack.callback(_delete_cluster, program, name, kubeconfig)
        context = nodes.create_cluster(program, name, kubeconfig)
        # Containerd needs as long for the image as all else here takes.
        loader = stack.enter_context(ThreadPoolExecutor(1))
        loading = loader.submit(nodes.load_image, program, name, images.WORKLOAD.name)
        cluster = Cluster(kubeconfig, context)
        stack.callback(cluster.close)
        aws = stack.enter_context(trusting_aws(cluster, folder, reveal_secrets=False))
        aws.create_bucket(BUCKET, OBJECT)
        vault = LocalVault(folder / "vault")
        vault.certify()
        pulumi = stack.enter_context(LocalPulumi(folder / "pulumi"))
        certificates = folder / "clouds.crt"
        certificates.write_text(vault.ca_file.read_text() + pulumi.ca_file.read_text())
        settings = {**aws.environment, "SSL_CERT_FILE": str(certificates)}
        operator = LocalOperator(kubeconfig, context, folder, settings=settings)
        stack.enter_context(operator)
        endpoint = stack.enter_context(nodes.endpoint_for_pods(program, name, aws.endpoint_url))
        loading.result()
        yield Stage(program, name, cluster, aws, pulumi, operator, endpoint, folder, vault)


def _delete_cluster(program: choose.KindProgram, name: str, kubeconfig: Path) -> None:
    command = [str(program.path), "delete", "cluster", "--name", name, "--kubeconfig", str(kubeconfig)]
    subprocess.run(command, check=False, capture_output=True)


def _delete_clusters_of_killed_runs() -> None:
    for found in clusters.known():
        process = found.name.removeprefix(PREFIX)
        if found.name.startswith(PREFIX) and process.isdecimal() and not Path(f"/proc/{process}").exists():
            clusters.delete(found.name)
