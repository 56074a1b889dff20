"""`LocalOperator`: installs definitions and rights, and runs the operator as its own ServiceAccount.

The Deployment of `deploy/base` needs a node; what it would run is run here as a process instead, and everything else of
that folder, or of `deploy/namespaced`, is applied as it is. So a right that is missing there is missing here.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import yaml

from esc_operator.manifests.policies import API_AUDIENCES, PARAMETERS
from esc_operator.manifests.rights import NAME, NAMESPACE, TOKENS
from local_cluster import places
from local_cluster.ports import free_ports
from local_cluster.tools import find_kubectl

DEPLOY = places.REPOSITORY / "deploy"
DEFINITION = "CustomResourceDefinition"
START_SECONDS = 120
STOP_SECONDS = 30


class LocalOperator:
    """An operator that lasts as long as its `with` block.

    `kubeconfig` is an administrator's, used only to install. The log goes to `folder/operator.log`, appended to by each
    start. `settings` are added to the operator's process environment, such as AWS_ENDPOINT_URL_STS. With `namespaces`
    it works in those alone, which have to be there, each with the ServiceAccounts that environments may act as.
    `own_namespace` tells two operators of one cluster apart. `launcher` is a command that becomes the operator, such as
    one that confines itself first. It works at once; with the argument `--leader-election`
    several with folders of their own are replicas, of which one works.
    """

    _known: ClassVar[weakref.WeakSet["LocalOperator"]] = weakref.WeakSet()

    def __init__(  # noqa: PLR0913 - what is installed and how it is started belong together
        self,
        kubeconfig: Path,
        context: str,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        namespaces: Mapping[str, Sequence[str]] | None = None,
        own_namespace: str = NAMESPACE,
        launcher: tuple[str, ...] = (),
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._admin = [str(find_kubectl()), "--kubeconfig", str(kubeconfig), "--context", context]
        self._admin_config = yaml.safe_load(kubeconfig.read_text())
        self._context = context
        self._folder = folder
        self._own_config = folder / "operator.kubeconfig"
        self._settings = dict(settings or {})
        self._arguments = arguments
        self._namespaces = dict(namespaces or {})
        self._own_namespace = own_namespace
        self._start_seconds = start_seconds
        self._launcher = launcher
        self._health_port, self._metrics_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self.metrics_token = ""
        self.log = folder / "operator.log"
        self._known.add(self)

    @classmethod
    def logs_written_since(cls, seconds: float) -> Iterator[Path]:
        """The logs of this process' operators to which something was added after a time of `time.time`."""
        for one in sorted(cls._known, key=lambda one: one.log):
            if one.log.exists() and one.log.stat().st_mtime >= seconds:
                yield one.log

    def install(self) -> None:
        """Apply all but the Deployment, and make a kubeconfig of the operator's ServiceAccount."""
        folder = self._overlay() if self._namespaces else DEPLOY / "base"
        built = self._kubectl("kustomize", str(folder)).replace(NAMESPACE, self._own_namespace)
        objects = [body for body in yaml.load_all(built, yaml.CSafeLoader) if body["kind"] != "Deployment"]
        self._apply([body for body in objects if body["kind"] in {"Namespace", DEFINITION}])
        self._apply(objects)
        definitions = [f"crd/{body['metadata']['name']}" for body in objects if body["kind"] == DEFINITION]
        self._kubectl("wait", "--for=condition=Established", *definitions, "--timeout=30s")
        self._name_issuer()
        token = self._kubectl("create", "token", NAME, "-n", self._own_namespace, "--duration=8h").strip()
        self._own_config.touch(mode=0o600)
        self._own_config.write_text(yaml.safe_dump(self._kubeconfig_for(token)))

    def start(self) -> Self:
        """Start, and wait until it is ready: it works, or stands by."""
        if not self._own_config.exists():
            self.install()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._launcher,
                    str(Path(sys.executable).parent / "esc-operator"),
                    *("--kubeconfig", str(self._own_config)),
                    *("--health-address", f"127.0.0.1:{self._health_port}"),
                    *(f"--namespace={name}" for name in self._namespaces),
                    *("--metrics-address", f"127.0.0.1:{self._metrics_port}"),
                    *("--no-leader-election", f"--lease-namespace={self._own_namespace}"),
                    *self._arguments,
                ],
                env={**_without_credentials(os.environ), **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready(self._process)
        return self

    def stop(self) -> None:
        """End it as Kubernetes would: SIGTERM, and SIGKILL for one that does not end."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a machine that fails would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def scrape(self) -> str:
        """What Prometheus would read, with `metrics_token` where there is one."""
        status, text = self.ask_metrics(self.metrics_token)
        assert status == 200, text
        return text

    def ask_metrics(self, token: str = "") -> tuple[int, str]:
        """What is answered to whoever has this token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self._metrics_port}/metrics", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def leads(self) -> bool:
        """Whether it says of itself that it works, and does not stand by."""
        try:
            status, body = self._ask("/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and body["role"] == "leading"

    def readiness(self) -> tuple[int, dict[str, str]]:
        """What its readiness probe is told: the status, and the words."""
        return self._ask("/readyz")

    def wait(self, seconds: float) -> int:
        """Wait until it has ended by itself; answers its exit status."""
        assert self._process is not None, "not started"
        status = self._process.wait(seconds)
        self._process = None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(
                    f"the operator ended with status {process.returncode}; its log ends:\n{self._tail()}"
                )
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._is_ready():
                    return
            time.sleep(0.1)
        self.kill()
        raise RuntimeError(
            f"the operator did not become ready in {self._start_seconds:.0f} s; its log ends:\n{self._tail()}"
        )

    def _is_ready(self) -> bool:
        status, _ = self._ask("/readyz")
        return status == 200

    def _ask(self, path: str) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._health_port, timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def _name_issuer(self) -> None:
        """What an administrator is told to do: the API server accepts tokens for the audience that is its issuer."""
        issuer = json.loads(self._kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
        patch = json.dumps({"data": {API_AUDIENCES: issuer}})
        self._kubectl("patch", "configmap", PARAMETERS, "-n", self._own_namespace, "--type=merge", "-p", patch)

    def _overlay(self) -> Path:
        """A folder that is to `deploy/namespaced` what an administrator would write for these namespaces."""
        overlay = self._folder / "deploy"
        namespaced = os.path.relpath(DEPLOY / "namespaced", overlay)
        _write_kustomization(overlay, resources=[f"{namespaced}/operator", *self._namespaces])
        for namespace, accounts in self._namespaces.items():
            names = [{"op": "replace", "path": "/rules/0/resourceNames", "value": list(accounts)}]
            patch = {"target": {"kind": "Role", "name": TOKENS}, "patch": yaml.safe_dump(names)}
            folder = overlay / namespace
            _write_kustomization(folder, namespace=namespace, resources=[f"../{namespaced}/rights"], patches=[patch])
        return overlay

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _apply(self, objects: list[dict[str, Any]]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        subprocess.run([*self._admin, "apply", "-f", "-"], input=text, check=True, capture_output=True, text=True)

    def _kubectl(self, *arguments: str) -> str:
        return subprocess.run([*self._admin, *arguments], check=True, capture_output=True, text=True).stdout

    def _kubeconfig_for(self, token: str) -> dict[str, Any]:
        contexts = {entry["name"]: entry["context"] for entry in self._admin_config["contexts"]}
        cluster = contexts[self._context]["cluster"]
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [entry for entry in self._admin_config["clusters"] if entry["name"] == cluster],
            "users": [{"name": "esc-operator", "user": {"token": token}}],
            "contexts": [{"name": "esc-operator", "context": {"cluster": cluster, "user": "esc-operator"}}],
            "current-context": "esc-operator",
        }


def _write_kustomization(folder: Path, **fields: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(fields))


def _without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """What is left when everything that could name another cloud or cluster is taken away."""
    return {name: value for name, value in environ.items() if not name.startswith(("AWS_", "KUBE", "ESC_"))}
