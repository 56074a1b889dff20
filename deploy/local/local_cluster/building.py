"""The control plane's program: built from `deploy/local/controlplane` once, then found in the user's cache.

Its folder is named after everything that decides the result, so it is never built twice and never stale. A build goes
to a folder of its own and is renamed when it is complete; a file lock keeps two builders from the same minutes of work.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster import places
from local_cluster.failures import ClusterError
from local_cluster.tools import Go, find_go

KUBERNETES_VERSION = "v1.34.4"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
PROGRESS_SECONDS = 5.0

# Without a version kubectl and client-go refuse to parse what the API server says of itself.
_STAMPS = (
    f"k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",
    "k8s.io/component-base/version.gitMajor=1",
    "k8s.io/component-base/version.gitMinor=34",
    "k8s.io/component-base/version.gitTreeState=clean",
    f"k8s.io/client-go/pkg/version.gitVersion={KUBERNETES_VERSION}",
)
_FLAGS = (
    "-trimpath",
    # The checkout around it may be anything, or owned by someone else.
    "-buildvcs=false",
    "-ldflags",
    " ".join(("-s -w", *(f"-X {stamp}" for stamp in _STAMPS))),
)


def ensure_control_plane() -> Path:
    """The folder with one program a component, building it first where it is missing."""
    folder = places.cache_folder() / "controlplane" / _digest()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(folder):
            if not folder.exists():
                _build_into(folder)
    return folder


def _digest() -> str:
    digest = hashlib.sha256()
    sources = places.CONTROL_PLANE_SOURCE
    for source in sorted((*sources.glob("*.go"), sources / "go.mod", sources / "go.sum")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    digest.update("\0".join((platform.system(), platform.machine(), *_FLAGS, *COMPONENTS)).encode())
    return digest.hexdigest()[:16]


@contextmanager
def _only_builder(folder: Path) -> Iterator[None]:
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process is building the control plane; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(folder: Path) -> None:
    go = find_go()
    began = time.monotonic()
    _say(f"building the control plane (Kubernetes {KUBERNETES_VERSION}) with {go.program}: some minutes, once")
    # Beside its destination, so that the rename stays within one file system.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as temporary:
        environment = _build_environment(go, Path(temporary))
        packages = _run_go(go, environment, "fetching modules", ["list", "-deps", "."])
        finished = Path(temporary) / "finished"
        finished.mkdir()
        program = finished / "controlplane"
        _run_go(go, environment, "compiling", ["build", "-v", *_FLAGS, "-o", str(program), "."], expected=len(packages))
        for component in COMPONENTS:
            (finished / component).symlink_to(program.name)
        finished.rename(folder)
        if go.brought:
            # Go writes its module cache read-only, which would keep the temporary folder from being removed.
            subprocess.run([go.program, "clean", "-modcache"], env=environment, check=False, capture_output=True)
    _say(f"built the control plane in {_clock(began)}; it is kept in {folder}")


def _build_environment(go: Go, temporary: Path) -> dict[str, str]:
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    if go.brought:
        # Three gigabytes of caches that nobody without a Go of their own would ever look for.
        environment |= {"GOPATH": str(temporary / "go"), "GOCACHE": str(temporary / "go-build")}
        for inherited in ("GOMODCACHE", "GOROOT"):
            environment.pop(inherited, None)
    return environment


def _run_go(
    go: Go, environment: dict[str, str], activity: str, arguments: list[str], expected: int | None = None
) -> list[str]:
    """Run one go command with a line of progress every few seconds; returns the lines of its standard output."""
    began = time.monotonic()
    # Nice: minutes of both cores should leave the machine usable.
    command = ["nice", str(go.program), *arguments] if shutil.which("nice") else [str(go.program), *arguments]
    with subprocess.Popen(
        command,
        cwd=places.CONTROL_PLANE_SOURCE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        chatter: list[str] = []
        output: list[str] = []
        readers = [
            threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            for lines, stream in ((chatter, process.stderr), (output, process.stdout))
        ]
        for reader in readers:
            reader.start()
        while True:
            try:
                process.wait(timeout=PROGRESS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                of = f" of at most {expected} packages" if expected else ""
                _say(f"  {activity}: {len(chatter)}{of}, {_clock(began)}")
        for reader in readers:
            reader.join()
    if process.returncode != 0:
        last = "".join(chatter[-15:])
        raise ClusterError(
            f"`go {arguments[0]}` failed in {places.CONTROL_PLANE_SOURCE}:\n{last}"
            "The first build fetches Go modules: check the network and GOPROXY, then try again."
        )
    return output


def _clock(began: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    return f"{minutes}m{seconds:02d}s"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
