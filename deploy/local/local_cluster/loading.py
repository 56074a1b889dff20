"""Images into a cluster's node: from a Docker daemon where one answers, else the ones that this machine makes.

An archive is streamed to containerd: the node need not see the folder it is in.
"""

import shutil
import subprocess
from pathlib import Path

from local_cluster import images
from local_cluster.cluster import Cluster
from local_cluster.failures import ClusterError


def load_archive(cluster: Cluster, archive: Path) -> None:
    """Take an archive as `docker save` or tools for OCI layouts write them."""
    if not archive.is_file():
        raise ClusterError(f"there is no file {archive}")
    cluster.import_image(archive)


def load_image(cluster: Cluster, reference: str) -> None:
    """Take an image by its name: Docker's image of that name, else ours, which is made first where it is missing."""
    cluster.require_node(reference)
    docker = shutil.which("docker")
    if docker and _docker_has(docker, reference):
        with subprocess.Popen([docker, "save", reference], stdout=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            cluster.import_stream(reference, saving.stdout)
        if saving.returncode != 0:
            raise ClusterError(f"`docker save {reference}` failed")
        return
    complete = reference if reference.startswith("docker.io/") else f"docker.io/{reference}"
    recipe = next((recipe for recipe in images.RECIPES if recipe.reference == complete), None)
    if recipe is None:
        ours = ", ".join(recipe.reference for recipe in images.RECIPES)
        raise ClusterError(f"no image {reference!r}: no Docker daemon that answers has it, and ours are {ours}")
    images.load(cluster, recipe.name)


def _docker_has(docker: str, reference: str) -> bool:
    try:
        asked = subprocess.run(
            [docker, "image", "inspect", reference],
            capture_output=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
