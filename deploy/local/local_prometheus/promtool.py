"""Finds promtool, or builds it from Prometheus' published Go module."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from local_cluster import places
from local_cluster.failures import ClusterError
from local_cluster.tools import find_go

SOURCE = places.REPOSITORY / "deploy" / "local" / "promtool"
PACKAGE = "github.com/prometheus/prometheus/cmd/promtool"


def find_promtool() -> Path | None:
    """The one on PATH, or one that was built before."""
    on_path = shutil.which("promtool")
    if on_path:
        return Path(on_path)
    built = _built()
    return built if built.exists() else None


def build_promtool() -> Path:
    """The one that is there, or else a new one: that takes some minutes and 110 MB, once."""
    found = find_promtool()
    if found:
        return found
    built = _built()
    built.parent.mkdir(parents=True, exist_ok=True)
    with built.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            _build(built)
    return built


def _built() -> Path:
    """Where it is kept: named after everything that decides what it is."""
    digest = hashlib.sha256()
    for source in (SOURCE / "go.mod", SOURCE / "go.sum"):
        digest.update(source.read_bytes() + b"\0")
    digest.update(f"{platform.system()}/{platform.machine()}".encode())
    return places.cache_folder() / "promtool" / f"promtool-{digest.hexdigest()[:16]}"


def _build(destination: Path) -> None:
    go, began = find_go(), time.monotonic()
    print(f"building promtool with {go.program}: some minutes, once", file=sys.stderr, flush=True)
    # Beside its destination, so that the rename stays within one file system.
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix="building-") as temporary:
        environment = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }
        if go.brought:
            environment |= {"GOPATH": f"{temporary}/go", "GOCACHE": f"{temporary}/go-build"}
        program = Path(temporary) / "promtool"
        command = ["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(program), PACKAGE]
        done = subprocess.run(
            ["nice", str(go.program), *command],
            cwd=SOURCE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterError(f"`go build` failed in {SOURCE}:\n" + "\n".join(done.stderr.splitlines()[-15:]))
        program.rename(destination)
        if go.brought:
            # Go writes its module cache read-only, which would keep the temporary folder from being removed.
            subprocess.run([go.program, "clean", "-modcache"], env=environment, check=False, capture_output=True)
    print(
        f"built promtool in {time.monotonic() - began:.0f} s; it is kept in {destination}", file=sys.stderr, flush=True
    )
