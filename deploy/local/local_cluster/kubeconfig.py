"""Kubeconfig files: making one, and putting a cluster into one that exists or taking it out.

A file that already holds other contexts keeps them. Names follow kind: context, cluster and user are `kind-<cluster>`.
"""

import base64
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from local_cluster.certificates import Identity
from local_cluster.failures import ClusterError

_LISTS = ("clusters", "contexts", "users")


def context_name(cluster: str) -> str:
    return f"kind-{cluster}"


def kubeconfig(name: str, server: str, certificates: Path, identity: Identity) -> dict[str, Any]:
    def data(file: str) -> str:
        return base64.b64encode((certificates / file).read_bytes()).decode()

    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "preferences": {},
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": data(f"{identity.file}.crt"),
                    "client-key-data": data(f"{identity.file}.key"),
                },
            }
        ],
    }


def merge_into(path: Path, addition: dict[str, Any]) -> None:
    """Put the addition's entries in place of those with the same names, and make its context the current one."""
    merged = read(path) or {"apiVersion": "v1", "kind": "Config"}
    for key in _LISTS:
        names = {entry["name"] for entry in addition[key]}
        merged[key] = [entry for entry in merged.get(key) or [] if entry.get("name") not in names] + addition[key]
    merged["current-context"] = addition["current-context"]
    write(path, merged)


def remove_from(path: Path, name: str) -> None:
    """Take one cluster's entries out; a file that does not name them is left as it is."""
    config = read(path)
    if not any(entry.get("name") == name for key in _LISTS for entry in config.get(key) or []):
        return
    for key in _LISTS:
        config[key] = [entry for entry in config.get(key) or [] if entry.get("name") != name]
    if config.get("current-context") == name:
        config["current-context"] = ""
    write(path, config)


def write(path: Path, config: dict[str, Any]) -> None:
    """Replace the file whole: it holds a private key, and somebody may be reading it."""
    # A link may lead into another folder, and replacing the link itself would part the two.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            yaml.safe_dump(config, file, sort_keys=False)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text()) if path.exists() else None
    except yaml.YAMLError as error:
        raise ClusterError(f"{path} is not YAML, so it is left alone; name another file with --kubeconfig") from error
    if content is not None and not isinstance(content, dict):
        raise ClusterError(f"{path} is not a kubeconfig, so it is left alone; name another file with --kubeconfig")
    return content or {}
