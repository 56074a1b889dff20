"""What the story plays on: a cluster, an AWS, an operator, and the tools of a person at a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from demo import nodes
from local_aws.client import LocalAws
from local_cluster import choose, images, places
from local_cluster.tools import find_aws, find_kubectl
from local_operator import LocalOperator
from local_pulumi import PulumiProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

CLUSTER = "esc-demo"
BUCKET = "apps-reports"
ORGANIZATION = "acme"


class Stage:
    """All parts, started one after the other by the story; `close` ends and deletes what was started."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="esc-demo-"))
        self.kubeconfig = self.folder / "kubeconfig"
        self.context = f"kind-{CLUSTER}"
        self.aws = LocalAws(outlive=True)
        self.pulumi: PulumiProcess | None = None
        self.why_no_pods: str | None = None
        self._kind: choose.KindProgram | None = None
        self._operator: LocalOperator | None = None
        self._background = ThreadPoolExecutor(1)
        self._loading: Future[None] | None = None
        self._closing = contextlib.ExitStack()

    def start_cluster(self) -> None:
        """A cluster, with a node where one can run; else `why_no_pods` says why not."""
        chosen = choose.choose_cluster()
        self.why_no_pods = nodes.why_no_node(chosen)
        if isinstance(chosen, choose.ExistingCluster):
            shutil.copyfile(chosen.kubeconfig, self.kubeconfig)
            self.context = chosen.context
            return
        self._kind = chosen
        if self.why_no_pods:
            self._run(str(chosen.path), "create", "cluster", "--name", CLUSTER, "--kubeconfig", str(self.kubeconfig))
            return
        images.build(images.WORKLOAD.name)
        nodes.create_cluster(chosen, CLUSTER, self.kubeconfig)
        # The node needs it only when the story comes to pods.
        self._loading = self._background.submit(nodes.load_image, chosen, CLUSTER, images.WORKLOAD.name)

    def start_aws(self) -> str:
        """Start AWS with a role that trusts only apps/apps of this cluster, and a bucket; answers the role's ARN."""
        self.aws.start()
        issuer = json.loads(self.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
        authority = self.folder / "cluster-ca.crt"
        authority.write_bytes(self._cluster_authority())
        self.aws.trust(issuer, authority)
        self.aws.create_bucket(BUCKET, "january.csv")
        return self.aws.create_role("apps", issuer, "system:serviceaccount:apps:apps")

    def start_pulumi(self) -> PulumiProcess:
        """Start a Pulumi Cloud whose organization gives a team's access tokens to apps/apps of this cluster."""
        self.pulumi = PulumiProcess(self.folder / "pulumi", outlive=True)
        issuer = json.loads(self.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
        trusted = {"organization": ORGANIZATION, "issuer": issuer}
        subject = {"subject": "system:serviceaccount:apps:apps", "kind": "team", "team": "platform"}
        self.pulumi.ask("create_organization", name=ORGANIZATION, teams=["platform"])
        self.pulumi.ask("trust_issuer", **trusted, ca_file=str(self.folder / "cluster-ca.crt"))
        self.pulumi.ask("add_policy", **trusted, **subject)
        return self.pulumi

    def start_operator(self) -> LocalOperator:
        assert self.pulumi is not None, "the story has started it"
        self._operator = LocalOperator(
            self.kubeconfig,
            self.context,
            self.folder,
            settings={**self.aws.environment, "SSL_CERT_FILE": str(self.pulumi.ca_file)},
            # An address of loopback is none that environments may name by themselves.
            arguments=("--log-level=debug", f"--allowed-url={self.pulumi.url}"),
        )
        return self._operator.start()

    def prepare_pods(self) -> str:
        """Wait until the node has the workloads' image; answers where pods find AWS."""
        assert self._kind is not None, "there is a node"
        assert self._loading is not None, "there is a node"
        self._loading.result()
        endpoint = nodes.endpoint_for_pods(self._kind, CLUSTER, self.aws.endpoint_url)
        return self._closing.enter_context(endpoint)

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl as the administrator, for its output."""
        command = [str(find_kubectl()), "--kubeconfig", str(self.kubeconfig), "--context", self.context, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout

    def person(self) -> dict[str, str]:
        """The environment of a person at a terminal: a kubeconfig, where AWS is, and no credentials whatever."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ESC_", "KUBE"))}
        tools = f"{Path(sys.executable).parent}{os.pathsep}{find_aws().parent}"
        return {
            **kept,
            **self.aws.environment,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "KUBECONFIG": str(self.kubeconfig),
            "AWS_CONFIG_FILE": str(self.folder / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-aws-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "ESC_HOME": str(self.folder / "esc"),
        }

    def close(self) -> None:
        self._background.shutdown()
        self._closing.close()
        if self._operator is not None:
            self._operator.stop()
        self.aws.stop()
        if self.pulumi is not None:
            self.pulumi.stop()
        if self._kind is not None:
            self._run(str(self._kind.path), "delete", "cluster", "--name", CLUSTER, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def notes_for_later(self) -> str:
        """How to go on by hand, with everything left running, and how to end it."""
        assert self._operator is not None, "the story has started it"
        assert self.pulumi is not None, "the story has started it"
        person = self.person()
        names = ["KUBECONFIG", *self.aws.environment, "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "ESC_HOME"]
        exports = "\n".join(f"  export {name}={person[name]}" for name in names)
        bins = f"{Path(sys.executable).parent}:{find_aws().parent}"
        logs = "" if self.why_no_pods else "  kubectl logs -n apps deployment/web --follow\n"
        delete = f"\n  {self._kind.path} delete cluster --name {CLUSTER}" if self._kind else ""
        return (
            f"{exports}\n  export PATH={bins}:$PATH\n\n"
            "  kubectl get escenv -A --watch\n"
            f"  esc run {self.context}/apps/aws -- aws s3 ls\n"
            f"{logs}"
            f"  tail -f {self._operator.log}\n\n"
            f"To end it:\n  kill {self._operator.pid} {self.aws.pid} {self.pulumi.pid}{delete}\n  rm -r {self.folder}"
        )

    def _cluster_authority(self) -> bytes:
        import base64

        config = yaml.safe_load(self.kubectl("config", "view", "--raw", "--minify"))
        return base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])

    def _run(self, *command: str, check: bool = True) -> None:
        environment: Mapping[str, str] = {**os.environ, "PYTHONUNBUFFERED": "1"}
        subprocess.run(command, check=check, env=environment, cwd=places.REPOSITORY)
