"""The files of an image: those of Debian packages and wheels, laid out without running anything of them as root.

No package is configured: their scripts do not run, and what serves people at a terminal is left out.
"""

import os
import subprocess
import tarfile
from pathlib import Path

from local_cluster import debian, tools
from local_cluster.failures import ClusterError

_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
"""Folders that Debian has in /usr, with links in their old places, while packages still name both."""
_LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/share/lintian",
    "var",
    "etc/init.d",
)
_MODULES = "usr/lib/python3/dist-packages"
"""Where Debian's Python looks, whatever its version."""
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\n"


def fill(root: Path, packages: tuple[str, ...], wheels: tuple[str, ...], temporary: Path) -> None:
    for folder in _MERGED:
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    for folder in ("etc", "root", "tmp", "var/tmp"):
        (root / folder).mkdir(parents=True)
    for shared in ("tmp", "var/tmp"):
        (root / shared).chmod(0o1777)
    (root / "etc" / "passwd").write_text(_PASSWD)
    (root / "etc" / "group").write_text(_GROUP)
    if packages:
        for package in debian.fetch_with_dependencies(packages, temporary):
            _unpack(package, root)
        if wheels:
            tools.unpack_wheels(wheels, root / _MODULES, temporary)
        _compile_python(root)
    _add_busybox(root)


def _unpack(package: Path, root: Path) -> None:
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as files,
    ):
        # Debian's packages may be taken as they are; Python 3.14 would else refuse their absolute links.
        files.extraction_filter = lambda member, _: member
        for member in files:
            member.name = _merged(member.name)
            if member.islnk():
                member.linkname = _merged(member.linkname)
            if member.name != "." and not member.name.startswith(_LEFT_OUT):
                files.extract(member, root)
    if unpacking.returncode != 0:
        raise ClusterError(f"dpkg-deb cannot read {package.name}")


def _merged(name: str) -> str:
    name = os.path.normpath(name)
    return f"usr/{name}" if name.partition("/")[0] in _MERGED else name


def _compile_python(root: Path) -> None:
    """Bytecode beside every module, by the image's own Python: pods would else compile the SDK at each start."""
    loader = next(root.glob("usr/lib*/ld-linux*.so.*"), None)
    python = root / "usr" / "bin" / "python3"
    if loader is None or not python.exists():
        raise ClusterError(f"the packages bring no Python to {root}")
    libraries = ":".join(str(path) for path in root.glob("usr/lib/*-linux-gnu*"))
    command = [str(loader), "--library-path", libraries, str(python.resolve()), "-S", "-m", "compileall", "-q"]
    # Not by the files' times, which the archive does not keep.
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/", str(root / "usr" / "lib")]
    environment = {"PYTHONHOME": str(root / "usr"), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # Single files may be of another Python, but a Python that does not run would make no usable image.
        (standard_library,) = root.glob("usr/lib/python3.*/os.py")
        if not list(standard_library.parent.glob("__pycache__/os.*.pyc")):
            raise ClusterError(f"the image's Python cannot compile: {(done.stderr or done.stdout)[-500:]}")


def _add_busybox(root: Path) -> None:
    busybox = debian.unpacked("busybox-static") / "bin" / "busybox"
    program = root / "usr" / "bin" / "busybox"
    program.write_bytes(busybox.read_bytes())
    program.chmod(0o755)
    commands = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for command in commands:
        link = root / "usr" / "bin" / command
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
