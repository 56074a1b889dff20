"""A cluster for a benchmark alone: made for it, and deleted after it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from local_cluster import choose

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def own_cluster(name: str) -> Iterator[tuple[Path, str]]:
    """The kubeconfig and the context of a new cluster. Its name ends with this process's number, so runs never meet."""
    program, cluster = str(choose.choose_kind().path), f"{name}-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        create = [program, "create", "cluster", "--name", cluster, "--kubeconfig", str(kubeconfig)]
        subprocess.run(create, check=True, capture_output=True)
        try:
            yield kubeconfig, f"kind-{cluster}"
        finally:
            delete = [program, "delete", "cluster", "--name", cluster, "--kubeconfig", str(kubeconfig)]
            subprocess.run(delete, check=False, capture_output=True)
