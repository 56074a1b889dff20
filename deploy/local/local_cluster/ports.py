"""Ports for what will listen a moment later, and again after a restart."""

import contextlib
import random
import socket

from local_cluster.failures import ClusterError

PORTS = range(20000, 30000)
"""Below the range that Linux hands out to outgoing connections, one of which would take a chosen port at times."""


def free_ports(count: int) -> list[int]:
    """So many that nobody listens on now; another process may still take one, though seldom the same."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(PORTS, k=500):
            candidate = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                candidate.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise ClusterError(f"no free ports on 127.0.0.1 between {PORTS.start} and {PORTS.stop}")
