"""How much of its cgroup's memory limit this process uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
STATM = Path("/proc/self/statm")


def used_share(root: Path = ROOT, own: Path = OWN, statm: Path = STATM) -> Callable[[], float]:
    """A function that returns the used share, from 0; always 0 if there is no limit, or it cannot be read."""
    limit = _limit(root, own)

    def share() -> float:
        try:
            pages = int(statm.read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / limit

    return share if limit else lambda: 0.0


def _limit(root: Path, own: Path) -> int:
    """Bytes; 0 for none. The smallest of the process's own cgroup and of those that it is in."""
    try:
        # The second version has one hierarchy, which is the line without a name.
        path = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        path = "/"
    inner = root / path.strip("/")
    files = [folder / "memory.max" for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    found = [_number(file) for file in (*files, root / "memory" / "memory.limit_in_bytes")]
    return min(filter(None, found), default=0)


def _number(file: Path) -> int:
    try:
        text = file.read_text().strip()
    except OSError:
        return 0
    # Version 1 has a number near the maximum instead of "max".
    return int(text) if text.isdecimal() and len(text) < 17 else 0
