"""The control groups of a node's containers: one name at the top of every hierarchy, and its removal."""

import hashlib
import time
from pathlib import Path

from local_cluster.failures import ClusterError

_PATIENCE_SECONDS = 5.0


def name_for(folder: Path) -> str:
    """No other cluster of this machine, whoever's, has the same."""
    return f"esc-local-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"


def hierarchies() -> list[Path]:
    """Where control groups are mounted: several folders in version 1, one in version 2."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] in ("cgroup", "cgroup2"):
            found.append(Path(before.split()[4]))
    return found


def remove(name: str) -> None:
    """Remove the groups called `name` and all below them; their processes have been killed and may still be ending."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for hierarchy in hierarchies():
        while (hierarchy / name).exists():
            try:
                _remove_tree(hierarchy / name)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(f"cannot remove the control group {hierarchy / name}: {error}") from error
                time.sleep(0.02)


def _remove_tree(folder: Path) -> None:
    # The files in it are the kernel's and go with the folder.
    for below in folder.iterdir():
        if below.is_dir():
            _remove_tree(below)
    folder.rmdir()
