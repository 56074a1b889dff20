"""Which images there are, and of what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """An image: busybox with its many commands, and Debian packages."""

    name: str
    reference: str
    """What a pod calls it. Complete, because not every containerd completes the name of its pause image."""
    purpose: str
    packages: tuple[str, ...]
    """Debian packages, which bring all that they depend on."""
    command: tuple[str, ...]


PAUSE = Recipe(
    "pause",
    "docker.io/local/pause:1",
    "what holds a pod's network while its containers come and go",
    (),
    ("/bin/busybox", "sleep", "2147483647"),
)
BUSYBOX = Recipe("busybox", "docker.io/local/busybox:1", "a shell, sleep, env, wget and so on", (), ("/bin/sh",))
WORKLOAD = Recipe(
    "workload", "docker.io/local/workload:1", "Python with the AWS SDK", ("python3-boto3",), ("/usr/bin/python3",)
)
RECIPES = (PAUSE, BUSYBOX, WORKLOAD)
