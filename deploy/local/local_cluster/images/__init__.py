"""Images for the local cluster's pods, made on this machine because no registry has to be reachable.

`build` gives an archive as `docker save` writes them: made once, then found in the user's cache under a name that
stands for all that decides its content. `kind load image-archive` takes it, ours and the real one; `load` does both.
"""

import hashlib
import time
from pathlib import Path
from typing import Protocol

from local_cluster import places
from local_cluster.failures import ClusterError
from local_cluster.images import archive, recipes, rootfs
from local_cluster.images.recipes import BUSYBOX, PAUSE, RECIPES, WORKLOAD
from local_cluster.once import made_once, say

__all__ = ["BUSYBOX", "PAUSE", "RECIPES", "WORKLOAD", "build", "load", "reference"]


def reference(name: str) -> str:
    """What a pod's `image` says to get the image of this short name, with `imagePullPolicy: Never`."""
    return _recipe(name).reference


def build(name: str) -> Path:
    """The archive of the image with this short name, made first where it is missing."""
    recipe = _recipe(name)
    path = places.cache_folder() / "images" / f"{name}-{_digest(recipe)}.tar"

    def make(temporary: Path) -> Path:
        began = time.monotonic()
        say(f"making the image {recipe.reference} ({recipe.purpose})")
        root = temporary / "root"
        root.mkdir()
        rootfs.fill(root, recipe.packages, recipe.wheels, temporary)
        finished = temporary / path.name
        archive.write(finished, recipe.reference, root, recipe.command)
        megabytes = finished.stat().st_size / 1e6
        say(f"made {recipe.reference} in {time.monotonic() - began:.0f} s: {megabytes:.0f} MB in {path}")
        return finished

    return made_once(path, make)


class HasNode(Protocol):
    """A cluster that images can be put into."""

    def import_image(self, archive: Path) -> None: ...


def load(cluster: HasNode, name: str) -> str:
    """Put the image into a running cluster's node, and return its reference."""
    cluster.import_image(build(name))
    return reference(name)


def _recipe(name: str) -> recipes.Recipe:
    found = next((recipe for recipe in RECIPES if recipe.name == name), None)
    if found is None:
        raise ClusterError(f"no image {name!r}; there are: {', '.join(recipe.name for recipe in RECIPES)}")
    return found


def _digest(recipe: recipes.Recipe) -> str:
    digest = hashlib.sha256(repr((recipe, archive.architecture())).encode())
    for module in (archive, recipes, rootfs):
        digest.update(Path(module.__file__ or "").read_bytes())
    return digest.hexdigest()[:16]
