"""The part of the `kind` command line that pytest-kind and people's scripts use, for a cluster without Docker.

Standard output carries what was asked for and nothing else; progress and errors go to standard error. Unlike kind it
writes to no kubeconfig that was not named: a test must not change what a person's next kubectl command talks to.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from local_cluster import cluster, kubeconfig
from local_cluster.building import KUBERNETES_VERSION, ensure_control_plane
from local_cluster.failures import ClusterError
from local_cluster.loading import load_archive, load_image
from local_cluster.node.configuration import NAME as NODE_NAME

_DEFAULT_NAME = "kind"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except ClusterError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _get_clusters(_: argparse.Namespace) -> None:
    for found in cluster.running():
        print(found.name)


def _get_nodes(options: argparse.Namespace) -> None:
    found = _running(options.name)
    if found.node.exists:
        print(NODE_NAME)
    else:
        print(f"No kind nodes found for cluster {found.name!r}: it is a control plane only.", file=sys.stderr)


def _get_kubeconfig(options: argparse.Namespace) -> None:
    found = _running(options.name)
    print(yaml.safe_dump(found.read_admin_kubeconfig(), sort_keys=False), end="")


def _create_cluster(options: argparse.Namespace) -> None:
    path = _named_kubeconfig(options)
    if options.image:
        print("--image is for clusters made of containers and changes nothing here", file=sys.stderr)
    cluster.named(options.name)
    node = options.config is not None and _lists_a_node(options.config)
    ensure_control_plane()
    print(f"Creating cluster {options.name!r} ...", file=sys.stderr)
    made = cluster.create(options.name, node=node)
    nodes = "one node" if node else "no nodes"
    kubeconfig.merge_into(path, made.read_admin_kubeconfig())
    print(
        f"Cluster {options.name!r} is ready (Kubernetes {KUBERNETES_VERSION}, {nodes}). You can use it with:\n\n"
        f"kubectl --kubeconfig {path} --context {kubeconfig.context_name(options.name)} cluster-info",
        file=sys.stderr,
    )


def _export_kubeconfig(options: argparse.Namespace) -> None:
    path = _named_kubeconfig(options)
    kubeconfig.merge_into(path, _running(options.name).read_admin_kubeconfig())
    print(f"Set kubectl context to {kubeconfig.context_name(options.name)!r} in {path}", file=sys.stderr)


def _delete_cluster(options: argparse.Namespace) -> None:
    print(f"Deleting cluster {options.name!r} ...", file=sys.stderr)
    cluster.delete(options.name)
    if options.kubeconfig and options.kubeconfig.exists():
        kubeconfig.remove_from(options.kubeconfig, kubeconfig.context_name(options.name))


def _delete_clusters(options: argparse.Namespace) -> None:
    for name in options.names or [found.name for found in cluster.known() if options.all]:
        cluster.delete(name)
        print(f"Deleted cluster {name!r}", file=sys.stderr)


def _load_docker_image(options: argparse.Namespace) -> None:
    for image in options.images:
        load_image(_running(options.name), image)


def _load_image_archive(options: argparse.Namespace) -> None:
    for archive in options.archives:
        load_archive(_running(options.name), archive)


def _build(_: argparse.Namespace) -> None:
    print(ensure_control_plane())


def _version(_: argparse.Namespace) -> None:
    print(f"kind (local control plane of esc-operator) Kubernetes {KUBERNETES_VERSION}")


def _running(name: str) -> cluster.Cluster:
    found = cluster.named(name)
    if not found.runs:
        raise ClusterError(f"no cluster {name!r} is running; `kind get clusters` lists those that are")
    return found


def _lists_a_node(path: Path) -> bool:
    """Whether a configuration of kind's asks for a node; all else in it is about containers and network of kind's."""
    try:
        nodes = (yaml.safe_load(path.read_text()) or {}).get("nodes") or []
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise ClusterError(f"{path} is not a readable configuration for --config") from error
    if len(nodes) > 1:
        raise ClusterError(f"{path} lists {len(nodes)} nodes, and this machine can be one only; use kind with Docker")
    return len(nodes) == 1


def _named_kubeconfig(options: argparse.Namespace) -> Path:
    path: Path | None = options.kubeconfig
    if path is None:
        raise ClusterError("name a file with --kubeconfig: this program changes no kubeconfig that was not named")
    return path


def _parser() -> argparse.ArgumentParser:
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("-q", "--quiet", action="store_true", help=argparse.SUPPRESS)
    everywhere.add_argument("-v", "--verbosity", nargs="?", help=argparse.SUPPRESS)
    of_one = argparse.ArgumentParser(add_help=False, parents=[everywhere])
    of_one.add_argument("-n", "--name", default=_DEFAULT_NAME, help="name of the cluster (default: %(default)s)")
    writing = argparse.ArgumentParser(add_help=False, parents=[of_one])
    writing.add_argument("--kubeconfig", type=Path, help="kubeconfig file to change; no other file is touched")

    parser = argparse.ArgumentParser(
        prog="kind", description="Local Kubernetes clusters without Docker, by kind's commands."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    create = verbs.add_parser("create", help="create a cluster").add_subparsers(required=True, metavar="WHAT")
    create_cluster = create.add_parser("cluster", parents=[writing], help="create a cluster and wait until it serves")
    create_cluster.add_argument("--image", help="accepted and without effect: there are no containers")
    create_cluster.add_argument(
        "--config", type=Path, help="kind's configuration file: where it lists a node there will be one, else none"
    )
    create_cluster.add_argument("--wait", help="accepted and without effect: it always waits")
    create_cluster.add_argument("--retain", action="store_true", help=argparse.SUPPRESS)
    create_cluster.set_defaults(command=_create_cluster)

    delete = verbs.add_parser("delete", help="delete clusters").add_subparsers(required=True, metavar="WHAT")
    delete.add_parser("cluster", parents=[writing], help="delete a cluster").set_defaults(command=_delete_cluster)
    delete_clusters = delete.add_parser("clusters", parents=[everywhere], help="delete several clusters")
    delete_clusters.add_argument("names", nargs="*", metavar="NAME")
    delete_clusters.add_argument("-A", "--all", action="store_true", help="all there are, and what is left of others")
    delete_clusters.set_defaults(command=_delete_clusters)

    get = verbs.add_parser("get", help="show clusters").add_subparsers(required=True, metavar="WHAT")
    get.add_parser("clusters", parents=[everywhere], help="names of clusters").set_defaults(command=_get_clusters)
    get.add_parser("nodes", parents=[of_one], help="names of nodes").set_defaults(command=_get_nodes)
    get_kubeconfig = get.add_parser("kubeconfig", parents=[of_one], help="print a cluster's kubeconfig")
    get_kubeconfig.add_argument("--internal", action="store_true", help=argparse.SUPPRESS)
    get_kubeconfig.set_defaults(command=_get_kubeconfig)

    export = verbs.add_parser("export", help="write what a cluster needs").add_subparsers(required=True, metavar="WHAT")
    export.add_parser("kubeconfig", parents=[writing], help="put a cluster's context into a kubeconfig").set_defaults(
        command=_export_kubeconfig
    )

    load = verbs.add_parser("load", help="load images").add_subparsers(required=True, metavar="WHAT")
    docker_image = load.add_parser("docker-image", parents=[of_one], help="load Docker's images, or those made here")
    docker_image.add_argument("images", nargs="+", metavar="IMAGE")
    docker_image.set_defaults(command=_load_docker_image)
    image_archive = load.add_parser("image-archive", parents=[of_one], help="load the images of archives")
    image_archive.add_argument("archives", nargs="+", type=Path, metavar="FILE")
    image_archive.set_defaults(command=_load_image_archive)

    build = verbs.add_parser("build", help="build the control plane's program where it is missing, and say where it is")
    build.set_defaults(command=_build)
    verbs.add_parser("version", help="print the version").set_defaults(command=_version)
    return parser
