"""Clusters whose pods reach the local AWS: why there is none, what one is created with, and where its pods find AWS.

For the demo and for the tests on a node. On this machine's own node a pod with `hostNetwork: true` has this machine's
loopback. On kind it does not, and what is different there is in `kind_network` alone.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from demo import kind_network
from local_cluster import choose, images, places
from local_cluster.node.programs import why_impossible
from local_cluster.tools import find_kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def why_no_node(chosen: choose.ExistingCluster | choose.KindProgram) -> str | None:
    """Why there is no cluster that runs pods with images of this machine; None where there is one."""
    if isinstance(chosen, choose.ExistingCluster):
        return f"{choose.KUBECONFIG_VARIABLE} names a cluster that takes no images from here"
    return None if chosen.needs_docker else why_impossible()


def create_cluster(program: choose.KindProgram, name: str, kubeconfig: Path) -> str:
    """Create a cluster with a node, whose progress goes to standard error, and answer its context."""
    configuration = kind_network.write_configuration(kubeconfig.parent) if program.needs_docker else places.WITH_NODE
    command = [str(program.path), "create", "cluster", "--name", name, "--config", str(configuration)]
    subprocess.run([*command, "--kubeconfig", str(kubeconfig)], check=True)
    context = f"kind-{name}"
    if program.needs_docker:
        kind_network.publish_issuer([str(find_kubectl()), "--kubeconfig", str(kubeconfig), "--context", context])
    return context


def load_image(program: choose.KindProgram, cluster: str, image: str) -> None:
    """Put an image that was made here into the cluster's node; it is made first where it is missing."""
    command = [str(program.path), "load", "image-archive", str(images.build(image)), "--name", cluster]
    subprocess.run(command, check=True, capture_output=True, text=True)


@contextlib.contextmanager
def endpoint_for_pods(program: choose.KindProgram, cluster: str, url: str) -> Iterator[str]:
    """The URL by which pods with `hostNetwork: true` reach what listens on this machine's loopback as `url`."""
    if not program.needs_docker:
        yield url
        return
    with kind_network.endpoint_for_pods(cluster, url) as reachable:
        yield reachable
