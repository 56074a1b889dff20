"""Which cluster the tests and the demo run on.

In this order: the one that `ESC_TEST_KUBECONFIG` (with `ESC_TEST_CONTEXT`, else the file's current context) names on
purpose; kind, where it is on PATH and a Docker daemon answers; the local control plane. `KUBECONFIG` and `~/.kube` are
never looked at: nobody's cluster is used because it happened to be the current one.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from local_cluster import cluster, places
from local_cluster.building import ensure_control_plane
from local_cluster.failures import ClusterError
from local_cluster.tools import find_kubectl

if TYPE_CHECKING:
    import pytest

KUBECONFIG_VARIABLE = "ESC_TEST_KUBECONFIG"
CONTEXT_VARIABLE = "ESC_TEST_CONTEXT"
PYTEST_KIND_NAME = "pytest-kind"
"""What pytest-kind calls a cluster for which no name was given."""
_RUN_PREFIX = "esc-test-"


@dataclass(frozen=True)
class ExistingCluster:
    """A cluster that was named on purpose; it is neither created nor deleted."""

    kubeconfig: Path
    context: str


@dataclass(frozen=True)
class KindProgram:
    """A program with kind's command line, to create a cluster with and to delete it."""

    path: Path
    needs_docker: bool
    """It is kind itself: its clusters have a node, and images can be loaded into them."""


def choose_cluster(environment: Mapping[str, str] = os.environ) -> ExistingCluster | KindProgram:
    named = environment.get(KUBECONFIG_VARIABLE, "")
    if named:
        return _existing(Path(named), environment.get(CONTEXT_VARIABLE, ""))
    return choose_kind(environment)


def choose_kind(environment: Mapping[str, str] = os.environ) -> KindProgram:
    kind = shutil.which("kind", path=environment.get("PATH"))
    if kind and _docker_answers(environment):
        return KindProgram(Path(kind), needs_docker=True)
    return KindProgram(places.KIND_PROGRAM, needs_docker=False)


def use_with_pytest_kind(config: "pytest.Config") -> None:
    """For a conftest's `pytest_configure`: pytest-kind would otherwise download kind and kubectl.

    Two runs at once must not share a cluster that the first of them deletes, so each takes a name of its own, unless
    the cluster is to be kept; so does each worker of a run. What was given on the command line stays.
    """
    if config.option.cluster_name == PYTEST_KIND_NAME:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        kept = f"kept-{worker}" if worker else "kept"
        config.option.cluster_name = f"{_RUN_PREFIX}{kept if config.option.keep_cluster else os.getpid()}"
    if config.option.kind_bin is None:
        program = choose_kind()
        config.option.kind_bin = str(program.path)
        if not program.needs_docker:
            _delete_clusters_of_killed_runs()
    if config.option.kind_kubectl_bin is None:
        config.option.kind_kubectl_bin = str(find_kubectl())


def build_what_is_used(environment: Mapping[str, str] = os.environ) -> None:
    """Build the local control plane ahead, where it is the choice and is missing; several processes build it once."""
    chosen = choose_cluster(environment)
    if isinstance(chosen, KindProgram) and not chosen.needs_docker:
        ensure_control_plane()


def _delete_clusters_of_killed_runs() -> None:
    for found in cluster.known():
        # What follows the number names a further cluster of the same run.
        process = found.name.removeprefix(_RUN_PREFIX).partition("-")[0]
        if found.name.startswith(_RUN_PREFIX) and process.isdecimal() and not _is_running(int(process)):
            cluster.delete(found.name)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _existing(kubeconfig: Path, context: str) -> ExistingCluster:
    try:
        content = yaml.safe_load(kubeconfig.read_text())
        contexts = [entry["name"] for entry in content["contexts"]]
        chosen = context or content.get("current-context", "")
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ClusterError(f"{KUBECONFIG_VARIABLE} names {kubeconfig}, which is not a readable kubeconfig") from error
    if chosen not in contexts:
        raise ClusterError(
            f"{kubeconfig} has no context {chosen!r}; set {CONTEXT_VARIABLE} to one of: {', '.join(contexts) or 'none'}"
        )
    return ExistingCluster(kubeconfig, chosen)


def _docker_answers(environment: Mapping[str, str]) -> bool:
    docker = shutil.which("docker", path=environment.get("PATH"))
    if not docker:
        return False
    try:
        asked = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            env=dict(environment),
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
