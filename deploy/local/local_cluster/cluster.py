"""A local cluster's life: made, found, deleted.

One folder holds everything of a cluster. Others see it from the moment it has become ready, for as long as all of its
processes run; what an unclean end left behind counts as absent, and the next `create` clears it away.
"""

import contextlib
import fcntl
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local_cluster import certificates, components, images, kubeconfig, places, processes
from local_cluster.api import Api, wait_until
from local_cluster.building import ensure_control_plane
from local_cluster.components import Layout
from local_cluster.failures import ClusterError
from local_cluster.node import configuration as node_configuration
from local_cluster.node import life as node_life
from local_cluster.node.life import Node
from local_cluster.node.programs import why_impossible
from local_cluster.ports import PORTS, free_ports

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_ATTEMPTS = 3
# The API server waits half a minute for open watches on SIGTERM; there is nothing of it worth that time.
_GRACE_SECONDS = {"kube-apiserver": 0.3}


@dataclass(frozen=True)
class Cluster:
    """One cluster's folder, and what can be read from it."""

    name: str
    folder: Path

    @property
    def records(self) -> Path:
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.folder / f"{certificates.ADMIN.file}.kubeconfig"

    @property
    def became_ready(self) -> Path:
        """A file that is there once the cluster served; a `create` that was killed leaves none."""
        return self.folder / "ready"

    @property
    def node(self) -> Node:
        return Node(self.folder / "node", self.records, self.logs)

    @property
    def runs(self) -> bool:
        if not self.became_ready.exists():
            return False
        alive = {process.name for process in processes.read_records(self.records) if process.is_alive()}
        return alive.issuperset((*COMPONENTS, *(node_life.COMPONENTS if self.node.exists else ())))

    def import_image(self, archive: Path) -> None:
        """Put the images of an archive where the cluster's pods find them."""
        with archive.open("rb") as content:
            self.import_stream(archive.name, content)

    def import_stream(self, name: str, content: IO[bytes]) -> None:
        """The same from an open file or pipe; `name` is for people."""
        self.require_node(name)
        self.node.import_image(name, content)

    def require_node(self, images: str) -> None:
        if not self.node.exists:
            raise ClusterError(
                f"cluster {self.name!r} has no node that could run {images}: it is a control plane only. "
                f"Create it with --config {places.WITH_NODE}"
            )

    def read_admin_kubeconfig(self) -> dict[str, Any]:
        return kubeconfig.read(self.admin_kubeconfig)


def named(name: str) -> Cluster:
    # It becomes a folder, and part of a context's name.
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,48}[a-z0-9])?", name):
        raise ClusterError(
            f"{name!r} cannot name a cluster: use lower-case letters, digits, '.' and '-', 50 characters at most"
        )
    return Cluster(name, places.clusters_folder() / name)


def known() -> list[Cluster]:
    """All that left a folder, running or not."""
    folders = sorted(path for path in places.clusters_folder().iterdir() if path.is_dir())
    return [Cluster(path.name, path) for path in folders]


def running() -> list[Cluster]:
    return [cluster for cluster in known() if cluster.runs]


def create(name: str, *, node: bool = False, seconds: float = 120.0) -> Cluster:
    """Start a new cluster and wait until it serves; `seconds` bounds the waiting, not a first build.

    With a `node` it runs pods too; `why_impossible` of `node.programs` says where it cannot.
    """
    cluster = named(name)
    if node:
        if reason := why_impossible():
            raise ClusterError(reason)
        images.build(images.PAUSE.name)
    programs = ensure_control_plane()
    with _sole_command(cluster):
        if cluster.runs:
            raise ClusterError(f"cluster {name!r} already exists; delete it first, or choose another --name")
        for attempt in range(1, _ATTEMPTS + 1):
            _clear(cluster)
            try:
                _start(cluster, programs, time.monotonic() + seconds, node=node)
                cluster.became_ready.touch()
                break
            except _PortTakenError as error:
                _end_processes(cluster)
                if attempt == _ATTEMPTS:
                    raise ClusterError(str(error)) from error
            except BaseException:
                _end_processes(cluster)
                raise
    return cluster


def delete(name: str) -> bool:
    """End the cluster and remove its folder; False where there was nothing to delete."""
    cluster = named(name)
    with _sole_command(cluster):
        existed = cluster.folder.exists()
        _clear(cluster)
    return existed


class _PortTakenError(ClusterError):
    """Somebody took a port between our choice and our use of it."""


def _start(cluster: Cluster, programs: Path, deadline: float, *, node: bool) -> None:
    layout = Layout(cluster.folder, programs, *free_ports(4))
    certificates.write_certificates(layout.certificates, components.KUBERNETES_SERVICE)
    _write_kubeconfigs(cluster, layout)
    api = Api(layout.api_port, layout.certificates)

    def run(command: list[str]) -> None:
        name = Path(command[0]).name
        processes.start(name, command, cluster.records, cluster.logs / f"{name}.log")

    def all_alive() -> None:
        for process in processes.read_records(cluster.records):
            if not process.is_alive():
                _explain_death(cluster, process.name)

    if node:
        # Of all ports in the range, this one is this cluster's: it numbers what must be no other's.
        cluster.node.prepare(network=layout.api_port - PORTS.start)
        cluster.node.start_containerd()
    run(components.etcd(layout))
    run(components.api_server(layout))
    wait_until(api.is_ready, all_alive, deadline, f"the API server; its log is in {cluster.logs}")
    run(components.controller_manager(layout))
    run(components.scheduler(layout))
    api.publish_issuer()
    wait_until(api.has_default_account, all_alive, deadline, f"the controllers; their log is in {cluster.logs}")
    if node:
        wait_until(cluster.node.is_serving, all_alive, deadline, f"containerd; its log is in {cluster.logs}")
        kubeconfig_of_node = layout.kubeconfig_of(certificates.NODE)
        cluster.node.start_kubelet(programs / "kubelet", kubeconfig_of_node, layout.kubelet_port, layout.certificates)
        name = node_configuration.NAME
        wait_until(lambda: api.takes_pods(name), all_alive, deadline, f"the node; its logs are in {cluster.logs}")


def _write_kubeconfigs(cluster: Cluster, layout: Layout) -> None:
    context = kubeconfig.context_name(cluster.name)
    for identity in (certificates.ADMIN, certificates.CONTROLLER_MANAGER, certificates.SCHEDULER, certificates.NODE):
        content = kubeconfig.kubeconfig(context, layout.server, layout.certificates, identity)
        kubeconfig.write(layout.kubeconfig_of(identity), content)


def _explain_death(cluster: Cluster, component: str) -> None:
    log = cluster.logs / f"{component}.log"
    lines = log.read_text(errors="replace").splitlines()
    if any("address already in use" in line for line in lines):
        raise _PortTakenError(f"{component} found its port taken; see {log}")
    last = "\n".join(line[:400] for line in lines[-5:])
    raise ClusterError(f"{component} stopped while the cluster was starting; the end of {log} says:\n{last}")


def _clear(cluster: Cluster) -> None:
    _end_processes(cluster)
    if cluster.folder.exists():
        shutil.rmtree(cluster.folder)


def _end_processes(cluster: Cluster) -> None:
    cluster.node.end()
    # The clients of the API server first, then it, then what it stores in: nobody then writes of a lost peer.
    order = {name: place for place, name in enumerate(reversed(COMPONENTS))}
    for process in sorted(processes.read_records(cluster.records), key=lambda process: order.get(process.name, -1)):
        processes.stop(process, _GRACE_SECONDS.get(process.name, 2.0))


@contextlib.contextmanager
def _sole_command(cluster: Cluster) -> Iterator[None]:
    """One command at a time changes a cluster; another one waits its turn."""
    with (cluster.folder.parent / f".{cluster.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
