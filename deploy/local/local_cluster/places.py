"""Where the local cluster keeps its files.

Owns the folder names and nothing else; nobody else in this package builds a path from the environment. What can be made
again lives in the user's cache, what a running cluster needs in the user's state folder, tools in the checkout.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CONTROL_PLANE_SOURCE = REPOSITORY / "deploy" / "local" / "controlplane"
KIND_PROGRAM = REPOSITORY / "deploy" / "local" / "kind"
WITH_NODE = REPOSITORY / "deploy" / "local" / "with-node.yaml"
"""What `kind create cluster --config` takes to give a cluster a node."""
TOOLS = REPOSITORY / ".tools"


def cache_folder() -> Path:
    return _user_folder("XDG_CACHE_HOME", ".cache") / "esc-operator"


def clusters_folder() -> Path:
    """One folder a cluster; it holds private keys, so it is for its owner only."""
    folder = _user_folder("XDG_STATE_HOME", ".local/state") / "esc-operator" / "clusters"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _user_folder(variable: str, default: str) -> Path:
    named = os.environ.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    return Path(named) if Path(named).is_absolute() else Path.home() / default
