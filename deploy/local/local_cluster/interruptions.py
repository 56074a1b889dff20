"""Break a running cluster on purpose: one of its processes killed, started again in place, paused, or resumed.

For tests of what its clients make of that. Linux only: what a process was started with is read from `/proc`.
"""

import base64
import contextlib
import json
import os
import signal
import ssl
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local_cluster import processes
from local_cluster.api import Api, wait_until
from local_cluster.certificates import API_SERVER_TO_ETCD
from local_cluster.cluster import Cluster
from local_cluster.failures import ClusterError
from local_cluster.processes import Recorded

API_SERVER = "kube-apiserver"
ETCD = "etcd"
_START_SECONDS = 60.0


def find_process(cluster: Cluster, component: str) -> Recorded:
    for process in processes.read_records(cluster.records):
        if process.name == component and process.is_alive():
            return process
    raise ClusterError(f"{component} of cluster {cluster.name!r} does not run")


def kill(cluster: Cluster, component: str) -> list[str]:
    """End a process as a failing machine would; answers the command to start it with again."""
    process = find_process(cluster, component)
    command = Path(f"/proc/{process.pid}/cmdline").read_text().rstrip("\0").split("\0")
    os.kill(process.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, 0)  # only then have all its threads let go of its port
    while process.is_alive():
        time.sleep(0.005)
    return command


def start_again(cluster: Cluster, command: list[str]) -> None:
    """Start what was killed on the same port and data, and wait until the API server is ready."""
    component = Path(command[0]).name
    process = processes.start(component, command, cluster.records, cluster.logs / f"{component}.log")
    api = Api(_api_port(cluster), cluster.folder / "pki")

    def still_alive() -> None:
        if not process.is_alive():
            raise ClusterError(f"{component} did not start again; see {cluster.logs}")

    wait_until(api.is_ready, still_alive, time.monotonic() + _START_SECONDS, f"{component} after its restart")


def pause(cluster: Cluster, component: str) -> None:
    os.kill(find_process(cluster, component).pid, signal.SIGSTOP)


def resume(cluster: Cluster, component: str) -> None:
    os.kill(find_process(cluster, component).pid, signal.SIGCONT)


def compact(cluster: Cluster) -> None:
    """Let etcd forget its whole history, as it does from time to time: no watch can go on from before now.

    An API server answers so only where it does not remember by itself (`--watch-cache=false`).
    """
    command = Path(f"/proc/{find_process(cluster, ETCD).pid}/cmdline").read_text().split("\0")
    (url,) = (one.partition("=")[2] for one in command if one.startswith("--advertise-client-urls="))
    certificates = cluster.folder / "pki"
    tls = ssl.create_default_context(cafile=certificates / "ca.crt")
    client = certificates / API_SERVER_TO_ETCD.file
    tls.load_cert_chain(f"{client}.crt", f"{client}.key")

    def ask(what: str, body: object) -> dict[str, Any]:
        request = urllib.request.Request(f"{url}/v3/kv/{what}", json.dumps(body).encode())
        with urllib.request.urlopen(request, context=tls, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    revision = ask("range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"]
    ask("compaction", {"revision": revision, "physical": True})


def _api_port(cluster: Cluster) -> int:
    server: str = cluster.read_admin_kubeconfig()["clusters"][0]["cluster"]["server"]
    port = urlsplit(server).port
    assert port is not None, "the kubeconfig of a cluster names its port"
    return port
