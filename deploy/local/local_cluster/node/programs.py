"""The programs a node runs: the machine's own, or out of Debian's packages; and why a machine cannot run one.

Invariant: where `why_impossible` gives no reason, a node starts, unless the network fails while packages are fetched.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local_cluster import debian, places
from local_cluster.node import cgroups

_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
_CNI_PLUGINS = ("ptp", "host-local", "loopback")
_CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_VIEW_TOOLS = ("unshare", "nsenter", "mount")
_HIDDEN = (Path("/run"), Path("/var/lib"), Path("/var/log"))
"""What the node sees folders of its own in place of."""


@dataclass(frozen=True)
class Programs:
    """Where a node's programs are."""

    search_path: str
    """For PATH: containerd looks there for its shim, and the shim for runc."""
    plugins: Path
    """The folder of the network plugins."""

    def find(self, name: str) -> str:
        return shutil.which(name, path=self.search_path) or name


def ensure_programs() -> Programs:
    """The node's programs, out of packages where the machine has none of its own."""
    search_path = os.environ.get("PATH", "")
    if not _has_containerd():
        search_path = f"{debian.unpacked('containerd') / 'usr' / 'bin'}{os.pathsep}{search_path}"
    if not shutil.which("runc"):
        search_path = f"{debian.unpacked('runc') / 'usr' / 'sbin'}{os.pathsep}{search_path}"
    plugins = _cni_plugins() or debian.unpacked("containernetworking-plugins") / "usr" / "lib" / "cni"
    return Programs(search_path, plugins)


def why_impossible() -> str | None:
    """Why no node can run here, for a person to read; None where one can."""
    missing = [tool for tool in _VIEW_TOOLS if not shutil.which(tool)]
    kept = (places.clusters_folder().resolve(), places.cache_folder().resolve())
    reason = None
    if sys.platform != "linux":
        reason = "it takes Linux"
    elif os.geteuid() != 0:
        reason = "it takes root, to mount volumes and to make control groups"
    elif missing:
        reason = f"{' and '.join(missing)} of util-linux are not on PATH"
    elif not cgroups.hierarchies():
        reason = "no control groups are mounted"
    elif hidden := [folder for folder in kept if any(folder.is_relative_to(place) for place in _HIDDEN)]:
        reason = (
            f"{hidden[0]} is in a place that the node sees something else in: set XDG_STATE_HOME and XDG_CACHE_HOME"
        )
    elif not debian.is_available() and not (_has_containerd() and shutil.which("runc") and _cni_plugins()):
        reason = "containerd, runc or the network plugins are missing, and there is no apt-get to fetch them with"
    elif refusal := _refusal_of_namespaces():
        reason = f"the kernel refuses a namespace of its own: {refusal}"
    return reason and f"cannot run a node here because {reason}"


def snapshotter(folder: Path) -> str:
    """How containerd keeps images below `folder`: an overlay cannot lie on another one, as in a container."""
    answer = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False).stdout
    has_overlay = "overlay" in Path("/proc/filesystems").read_text().split() or shutil.which("modprobe")
    return "overlayfs" if has_overlay and "overlay" not in answer else "native"


def _has_containerd() -> bool:
    return all(shutil.which(program) for program in _CONTAINERD)


def _cni_plugins() -> Path | None:
    complete = (folder for folder in _CNI_FOLDERS if all((folder / plugin).exists() for plugin in _CNI_PLUGINS))
    return next(complete, None)


def _refusal_of_namespaces() -> str:
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "mount", "--make-rshared", "/"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
