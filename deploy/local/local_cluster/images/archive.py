"""An image archive as `docker save` writes it, from a folder.

The same files give the same archive: order, times and owners are fixed. Layers are not compressed: whoever imports
one on the same machine would only unpack it again.
"""

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def write(path: Path, reference: str, root: Path, command: tuple[str, ...]) -> None:
    """Write an image of one layer, the files below `root`; all of them will belong to root."""
    with tempfile.TemporaryFile(dir=path.parent) as layer:
        with tarfile.open(fileobj=layer, mode="w") as files:
            for file in sorted(root.rglob("*")):
                files.add(file, arcname=str(file.relative_to(root)), recursive=False, filter=_normalised)
        size = layer.tell()
        layer.seek(0)
        digest = hashlib.file_digest(layer, "sha256").hexdigest()
        layer.seek(0)
        configuration = json.dumps(_configuration(digest, command)).encode()
        configuration_name = f"{hashlib.sha256(configuration).hexdigest()}.json"
        manifest = [{"Config": configuration_name, "RepoTags": [reference], "Layers": [f"{digest}.tar"]}]
        with tarfile.open(path, mode="w") as archive:
            for name, content in (
                (configuration_name, configuration),
                ("manifest.json", json.dumps(manifest).encode()),
            ):
                archive.addfile(_entry(name, len(content)), io.BytesIO(content))
            archive.addfile(_entry(f"{digest}.tar", size), layer)


def _configuration(layer_digest: str, command: tuple[str, ...]) -> dict[str, object]:
    environment = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        # What a pod prints is to be read in its log at once.
        "PYTHONUNBUFFERED=1",
    ]
    return {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Cmd": list(command), "Env": environment},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }


def _normalised(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry
