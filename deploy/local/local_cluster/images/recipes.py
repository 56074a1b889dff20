"""Which images there are, and of what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """An image: busybox with its many commands, Debian packages, and modules of the image's Python."""

    name: str
    reference: str
    """What a pod calls it. Complete, because not every containerd completes the name of its pause image."""
    purpose: str
    packages: tuple[str, ...]
    """Debian packages, which bring all that they depend on."""
    command: tuple[str, ...]
    wheels: tuple[str, ...] = ()
    """Wheels of PyPI, as pip's requirements with their digests: pure ones, which need no certain Python or machine.
    What they depend on beyond each other is among the packages."""


_SDKS = (
    # Debian's google-auth is of before workload identity, and its Azure comes with all of Azure: 540 MB.
    "azure-core==1.41.0 --hash=sha256:522b4011e8180b1a3dcd2024396a4e7fe9ac37fb8597db47163d230b5efe892d",
    "azure-identity==1.27.0 --hash=sha256:92fd2a93c0d2f777dac6c04e5fd7d5734f6643582b983544ef66b4575844e46d",
    "google-auth==2.63.0 --hash=sha256:cbc065325f67511946d1a66672e4f47e71ed162ef1abd2bb8404ceec407c86ba",
    "msal==1.39.0 --hash=sha256:2d2577886906cd7293850dffa2da29119966c213bfc6ec0cecf8bf7621e1ca77",
    "msal-extensions==1.3.1 --hash=sha256:96d3de4d034504e969ac5e85bae8106c8373b5c6568e4c8fa7af2eca9dbe6bca",
    "typing-extensions==4.16.0 --hash=sha256:481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8",
)
PAUSE = Recipe(
    "pause",
    "docker.io/local/pause:1",
    "what holds a pod's network while its containers come and go",
    (),
    ("/bin/busybox", "sleep", "2147483647"),
)
BUSYBOX = Recipe("busybox", "docker.io/local/busybox:1", "a shell, sleep, env, wget and so on", (), ("/bin/sh",))
WORKLOAD = Recipe(
    "workload",
    "docker.io/local/workload:1",
    "Python with the SDKs of AWS, Azure and Google, and PostgreSQL's driver: packages of Debian and wheels of PyPI",
    (
        "python3-boto3",
        "python3-cryptography",
        "python3-jwt",
        "python3-psycopg2",
        "python3-pyasn1-modules",
        "python3-requests",
    ),
    ("/usr/bin/python3",),
    _SDKS,
)
RECIPES = (PAUSE, BUSYBOX, WORKLOAD)
