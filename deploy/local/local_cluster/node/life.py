"""A node's life: prepared, started beside a control plane, ended, and cleared away.

Everything of it is in one folder of the cluster's, and in control groups that are named after that folder.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local_cluster import images, processes
from local_cluster.failures import ClusterError
from local_cluster.node import cgroups, configuration
from local_cluster.node.programs import ensure_programs, snapshotter

COMPONENTS = ("node", "containerd", "kubelet")
"""Its processes; the first is that of its namespaces, without which the others cannot be."""
_INIT = Path(__file__).with_name("init.sh")


@dataclass(frozen=True)
class Node:
    """The node of the cluster whose folder this is in, running or not."""

    folder: Path
    records: Path
    logs: Path

    @property
    def exists(self) -> bool:
        return self.folder.exists()

    def prepare(self, network: int) -> None:
        """Write what does not depend on the control plane; `network` is no other running cluster's."""
        programs = ensure_programs()
        for folder in ("lib", "log", "network"):
            (self.folder / folder).mkdir(parents=True)
        for setting, value in configuration.KERNEL_SETTINGS.items():
            file = self.folder / "settings" / setting
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
        (self.folder / "network" / "10-pods.conflist").write_text(configuration.pod_network(network))
        (self.folder / "containerd.toml").write_text(
            configuration.containerd(
                images.PAUSE.reference,
                str(programs.plugins),
                str(self.folder / "network"),
                snapshotter(self.folder),
            )
        )
        resolver = Path("/etc/resolv.conf")
        # A copy, because the original may be a link to a place that the node sees something else in.
        (self.folder / "resolv.conf").write_text(resolver.read_text() if resolver.exists() else "")

    def start_containerd(self) -> None:
        """Start the namespaces and containerd; `is_serving` tells when it can be used."""
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._start("node", [*command, str(_INIT), str(self.folder)])
        deadline = time.monotonic() + 10
        while not (self.folder / "prepared").exists():
            if time.monotonic() > deadline or not self._recorded("node").is_alive():
                raise ClusterError(f"the node's namespaces could not be set up; see {self.logs / 'node.log'}")
            time.sleep(0.01)
        self._start_inside("containerd", ["containerd", "--config", str(self.folder / "containerd.toml")])

    def is_serving(self) -> bool:
        """Whether containerd answers."""
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.connect(str(self._socket()))
            return True
        return False

    def start_kubelet(self, program: Path, kubeconfig: Path, port: int, certificates: Path) -> None:
        """Start the kubelet, which registers the node, and give containerd the image that every pod needs."""
        settings = self.folder / "kubelet.yaml"
        settings.write_text(
            configuration.kubelet(
                port, certificates, self.folder / "resolv.conf", cgroup=f"/{cgroups.name_for(self.folder)}"
            )
        )
        command = [str(program), f"--config={settings}", f"--kubeconfig={kubeconfig}"]
        self._start_inside("kubelet", [*command, f"--hostname-override={configuration.NAME}"])
        with images.build(images.PAUSE.name).open("rb") as pause:
            self.import_image(images.PAUSE.reference, pause)

    def import_image(self, name: str, content: IO[bytes]) -> None:
        """Put the images of an archive where pods find them; `name` is for people."""
        ctr = [ensure_programs().find("ctr"), "--address", str(self._socket()), "--namespace", "k8s.io"]
        command = [*ctr, "images", "import", "--snapshotter", snapshotter(self.folder), "-"]
        done = subprocess.run(command, stdin=content, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"containerd does not take {name}: {done.stderr.strip()[-500:]}")

    def end(self) -> None:
        """Kill all of the node's processes, containers included, and remove their control groups."""
        if not self.exists:
            return
        for process in processes.read_records(self.records):
            if process.name == "node" and process.is_alive():
                # The kernel ends a namespace with its first process, and lets that one go only as the very last.
                for first in _children(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(first, signal.SIGKILL)
                _wait_for_end(process)
                processes.stop(process, grace=0.1)
        cgroups.remove(cgroups.name_for(self.folder))

    def _socket(self) -> Path:
        return Path(f"/proc/{self._first_process()}/root") / configuration.SOCKET

    def _first_process(self) -> int:
        children = _children(self._recorded("node").pid)
        if not children:
            raise ClusterError(f"the node has ended; see {self.logs / 'node.log'}")
        return children[0]

    def _recorded(self, name: str) -> processes.Recorded:
        found = [process for process in processes.read_records(self.records) if process.name == name]
        if not found:
            raise ClusterError("this cluster has no node; create it with --config and a file that lists one")
        return found[0]

    def _start_inside(self, name: str, command: list[str]) -> None:
        programs = ensure_programs()
        inside = [f"--target={self._first_process()}", "--mount", "--pid"]
        environment = [f"PATH={programs.search_path}", "TMPDIR=/run"]
        self._start(name, ["nsenter", *inside, "--", "env", *environment, programs.find(command[0]), *command[1:]])

    def _start(self, name: str, command: list[str]) -> None:
        processes.start(name, command, self.records, self.logs / f"{name}.log")


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _wait_for_end(process: processes.Recorded) -> None:
    deadline = time.monotonic() + 10
    while process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
