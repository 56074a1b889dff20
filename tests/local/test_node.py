"""A cluster's node runs real pods, and goes without a trace."""

import base64
import contextlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_cluster import cluster, images, places, processes
from local_cluster.node import cgroups
from local_cluster.node.programs import why_impossible
from local_cluster.tools import find_kubectl

pytestmark = pytest.mark.cluster

PATIENCE = 30.0


@dataclass(frozen=True)
class Running:
    """A cluster with a node, by the commands that people have."""

    name: str
    state: Path
    kubeconfig: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self.state)}

    @property
    def cluster(self) -> cluster.Cluster:
        return cluster.Cluster(self.name, self.state / "esc-operator" / "clusters" / self.name)

    def kind(self, *arguments: str) -> str:
        done = subprocess.run(
            [places.KIND_PROGRAM, *arguments, "--name", self.name],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self) -> None:
        self.kind("create", "cluster", f"--config={places.WITH_NODE}", f"--kubeconfig={self.kubeconfig}")

    def delete(self) -> None:
        self.kind("delete", "cluster", f"--kubeconfig={self.kubeconfig}")

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [find_kubectl(), "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def run(self, name: str, image: str, *command: str, **spec: Any) -> str:
        """The output of a pod that runs to completion."""
        self.apply(pod(name, image, *command, **spec))
        self.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", f"--timeout={PATIENCE:.0f}s")
        return self.kubectl("logs", name)

    def keep_running(self, name: str, **spec: Any) -> None:
        self.apply(pod(name, "busybox", "sleep", "1000", **spec))
        self.kubectl("wait", f"pod/{name}", "--for=condition=Ready", f"--timeout={PATIENCE:.0f}s")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = make(tmp_path_factory.mktemp("node"), "node-test")
    yield running
    running.delete()


@pytest.fixture
def short_lived(tmp_path: Path) -> Iterator[Running]:
    """A node for a test that ends it."""
    running = make(tmp_path, "node-short")
    yield running
    running.delete()


def make(folder: Path, name: str) -> Running:
    if reason := why_impossible():
        pytest.skip(reason)
    running = Running(name, folder / "state", folder / "kubeconfig")
    running.create()
    running.kind("load", "docker-image", "local/busybox:1")
    return running


def pod(name: str, image: str, *command: str, volumes: Any = (), mounts: Any = (), **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": images.reference(image), "imagePullPolicy": "Never", "command": command}
    fixed = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "volumes": volumes}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {**fixed, **spec, "containers": [{**container, "volumeMounts": mounts}]},
    }


def wait_until(question: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_pod_runs_to_completion(node: Running) -> None:
    assert node.run("once", "busybox", "sh", "-c", "echo done by $(id -u)") == "done by 0\n"
    assert node.kind("get", "nodes") == "localhost\n"


def test_commands_are_executed_in_a_pod(node: Running) -> None:
    node.keep_running("shell")
    assert node.kubectl("exec", "shell", "--", "sh", "-c", "echo $HOSTNAME") == "shell\n"


def test_a_pod_with_limits_and_a_probe_comes_and_goes_without_harm_to_the_kubelet(node: Running) -> None:
    limited = pod("limited", "busybox", "httpd", "-f", "-p", "8080")
    limited["spec"]["containers"][0] |= {
        "resources": {"limits": {"memory": "32Mi", "cpu": "200m"}},
        "readinessProbe": {"httpGet": {"path": "/etc/passwd", "port": 8080}, "periodSeconds": 1},
    }
    node.apply(limited)
    node.kubectl("wait", "pod/limited", "--for=condition=Ready", f"--timeout={PATIENCE:.0f}s")
    node.kubectl("delete", "pod/limited")
    node.run("after", "busybox", "true")
    assert node.cluster.runs


def test_a_deployment_takes_a_secret_and_rolls(node: Running) -> None:
    node.kubectl("create", "secret", "generic", "taken", "--from-literal=COLOUR=blue")
    template = pod("rolling", "busybox", "sleep", "1000")["spec"]
    template["restartPolicy"] = "Always"
    template["containers"][0]["envFrom"] = [{"secretRef": {"name": "taken"}}]
    labels = {"app": "rolling"}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": template},
    }
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "rolling"}, "spec": spec}
    node.apply(deployment)
    node.kubectl("wait", "deployment/rolling", "--for=condition=Available", f"--timeout={PATIENCE:.0f}s")
    assert node.kubectl("exec", "deployment/rolling", "--", "sh", "-c", "echo $COLOUR") == "blue\n"

    change = json.dumps({"stringData": {"COLOUR": "green"}})
    node.kubectl("patch", "secret", "taken", "--patch", change)
    node.kubectl("rollout", "restart", "deployment/rolling")
    node.kubectl("rollout", "status", "deployment/rolling", f"--timeout={PATIENCE:.0f}s")
    wait_until(lambda: len(names_of_pods(node, "app=rolling")) == 2, "the old pods go")
    for name in names_of_pods(node, "app=rolling"):
        assert node.kubectl("exec", name, "--", "sh", "-c", "echo $COLOUR") == "green\n"


def test_a_pod_on_the_network_of_the_host_reaches_its_loopback(node: Running) -> None:
    with served_on_loopback("from the host") as address:
        assert node.run("reaching", "busybox", "wget", "-qO-", address, hostNetwork=True) == "from the host"


def test_a_pod_with_a_network_of_its_own_reaches_no_loopback_but_its_own(node: Running) -> None:
    with served_on_loopback("from the host") as address:
        # Without wget's own words: in a pod's log they may stand before or behind.
        script = f"wget -qO- {address} 2>/dev/null || echo refused"
        assert node.run("apart", "busybox", "sh", "-c", script) == "refused\n"


def test_a_mounted_secret_follows_its_changes(node: Running) -> None:
    node.kubectl("create", "secret", "generic", "mounted", "--from-literal=word=before")
    node.keep_running(
        "mounting",
        volumes=[{"name": "files", "secret": {"secretName": "mounted"}}],
        mounts=[{"name": "files", "mountPath": "/files"}],
    )
    assert node.kubectl("exec", "mounting", "--", "cat", "/files/word") == "before"
    node.kubectl("patch", "secret", "mounted", "--patch", json.dumps({"stringData": {"word": "after"}}))
    wait_until(lambda: node.kubectl("exec", "mounting", "--", "cat", "/files/word") == "after", "the file follows")


def test_a_token_for_another_audience_is_mounted(node: Running) -> None:
    source = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 600, "path": "token"}}
    node.keep_running(
        "identified",
        volumes=[{"name": "token", "projected": {"sources": [source]}}],
        mounts=[{"name": "token", "mountPath": "/var/run/secrets/tokens"}],
        securityContext={"runAsUser": 65534},
    )
    token = node.kubectl("exec", "identified", "--", "cat", "/var/run/secrets/tokens/token")
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == ["sts.amazonaws.com"]
    assert claims["sub"] == "system:serviceaccount:default:default"
    assert claims["kubernetes.io"]["pod"]["name"] == "identified"


def test_the_workload_image_has_the_aws_sdk(node: Running) -> None:
    node.kind("load", "image-archive", str(images.build("workload")))
    script = "import boto3; print(boto3.client('s3', region_name='us-east-1').meta.service_model.service_name)"
    assert node.run("workload", "workload", "python3", "-c", script) == "s3\n"


def test_an_image_of_docker_is_asked_for_first(node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = images.build("busybox")
    program = tmp_path / "docker"
    program.write_text(f"""#!/bin/sh
case "$1 $2" in
"image inspect") exit 0;;
"save web:1") cat {image};;
esac
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    node.kind("load", "docker-image", "web:1")


def test_an_unknown_image_is_refused_by_name(node: Running) -> None:
    with pytest.raises(AssertionError, match="no image 'web:1'"):
        node.kind("load", "docker-image", "web:1")


def test_a_deleted_node_leaves_nothing(short_lived: Running) -> None:
    before = traces()
    short_lived.keep_running("networked")
    short_lived.keep_running("on-host", hostNetwork=True)
    inside = processes_of(short_lived)
    assert len(inside) > 6
    during = traces() - before
    assert len([trace for trace in during if trace.startswith("interface veth")]) == 1
    short_lived.delete()
    assert not [pid for pid in inside if is_alive(pid)]
    # The kernel takes a pod's network down in its own time.
    wait_until(lambda: not during & traces(), "interfaces and mounts are gone")
    assert not any((hierarchy / group_of(short_lived)).exists() for hierarchy in cgroups.hierarchies())
    assert not short_lived.cluster.folder.exists()


def test_a_node_that_was_killed_is_absent_and_made_anew(short_lived: Running) -> None:
    short_lived.keep_running("lost")
    inside = processes_of(short_lived)
    record = next(one for one in processes.read_records(short_lived.cluster.records) if one.name == "node")
    os.kill(record.pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in inside), "all of its processes end with it")
    assert not short_lived.cluster.runs
    short_lived.create()
    short_lived.kind("load", "docker-image", "local/busybox:1")
    assert short_lived.run("again", "busybox", "echo", "hello") == "hello\n"


def names_of_pods(node: Running, label: str) -> list[str]:
    return node.kubectl("get", "pods", "-l", label, "-o", "name").split()


def traces() -> set[str]:
    """What a node could leave on the machine, as far as everybody sees it."""
    mounts = {f"mount {line.split()[4]}" for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    return mounts | {f"interface {path.name}" for path in Path("/sys/class/net").iterdir()}


def group_of(running: Running) -> str:
    return cgroups.name_for(running.cluster.node.folder)


def processes_of(running: Running) -> list[int]:
    """The node's processes, which see the machine as it does, and those of its containers, by their group."""
    groups = [hierarchy / group_of(running) for hierarchy in cgroups.hierarchies()]
    contained = {
        int(pid) for group in groups for file in group.rglob("cgroup.procs") for pid in file.read_text().split()
    }
    (node_process,) = (one.pid for one in processes.read_records(running.cluster.records) if one.name == "node")
    view = view_of(node_process)
    return sorted(contained | {pid for pid in all_pids() if view_of(pid) == view})


def all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def view_of(pid: int) -> Path | None:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/mnt").readlink()
    return None


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


@contextlib.contextmanager
def served_on_loopback(text: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name for it)
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
