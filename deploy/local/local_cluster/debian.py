"""Programs and files out of Debian packages, without installing any.

Packages are fetched with the machine's own apt, which checks their signatures, and unpacked into the user's cache. So
no service starts, nothing that is installed changes (Debian's containerd and Docker's replace each other), and neither
root nor a container is needed.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from local_cluster import places
from local_cluster.failures import ClusterError
from local_cluster.once import made_once, say

_APT_OPTIONS = (
    "--quiet",
    # The folder below is the caller's own, which apt's unprivileged user may not enter.
    "--option=APT::Sandbox::User=root",
    # Nothing shared is written, and whoever holds apt's lock may hold it for minutes.
    "--option=Debug::NoLocking=1",
)


def is_available() -> bool:
    return all(shutil.which(program) for program in ("apt-get", "dpkg-deb"))


def unpacked(package: str) -> Path:
    """A folder with the files of `package`, fetched first where it is missing."""
    folder = places.cache_folder() / "debian" / package

    def unpack(temporary: Path) -> Path:
        say(f"{package} is not on this machine: unpacking Debian's package into {folder}")
        _apt(["download", package], temporary)
        (file,) = temporary.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", file, temporary / "files"], check=True)
        return temporary / "files"

    return made_once(folder, unpack)


def fetch_with_dependencies(packages: Iterable[str], into: Path) -> list[Path]:
    """The package files of `packages` and of all that they depend on, as on a machine where nothing is installed."""
    archives = into / "archives"
    (archives / "partial").mkdir(parents=True)
    nothing_installed = into / "status"
    nothing_installed.touch()
    _apt(
        [
            f"--option=Dir::State::status={nothing_installed}",
            f"--option=Dir::Cache::archives={archives}",
            "--no-install-recommends",
            "--download-only",
            "--yes",
            "install",
            *packages,
        ],
        into,
    )
    return sorted(archives.glob("*.deb"))


def _apt(arguments: list[str], folder: Path) -> None:
    if not is_available():
        raise ClusterError(f"there is no apt-get on this machine to fetch packages with: {' '.join(arguments)}")
    command = ["apt-get", *_APT_OPTIONS, *arguments]
    cache = places.cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    # Of two at once, one would find the lists half read by the other, or apt's lock taken.
    with (cache / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = _run(command, folder)
        if first.returncode == 0:
            return
        # A machine that was just set up has no package lists, and old ones name files that are gone.
        say("reading the lists of Debian packages (apt-get update)")
        _run(["apt-get", "--quiet", "update"], folder)
        second = _run(command, folder)
    if second.returncode != 0:
        last = "\n".join(second.stderr.splitlines()[-5:])
        raise ClusterError(f"`apt-get {' '.join(arguments)}` failed; check apt's sources and the network:\n{last}")


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
