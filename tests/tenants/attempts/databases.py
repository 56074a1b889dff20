"""Hosts that an environment names as a database."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.attempts.vaults import allowing
from tenants.judging import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenants.stage import Stage

METADATA = "169.254.169.254"


def rotating(host: str, port: int = 5432, engine: str = "postgres", **database: Any) -> dict[str, Any]:
    managing = {"username": "manager", "password": {"fn::secret": "a-password-of-red"}}
    place = {"host": host, "port": port, "database": "db", "managingUser": managing, "sslmode": "disable", **database}
    inputs = {"database": place, "rotateUsers": {"username1": "one", "username2": "two"}}
    return {
        "values": {
            "db": {f"fn::rotate::{engine}": {"inputs": inputs}},
            "environmentVariables": {"PASSWORD": "${db.current.password}"},
        }
    }


def rotated(stage: Stage, definition: dict[str, Any]) -> Verdict:
    """What comes of a rotation that is asked for."""
    name = stage.fresh()
    stage.attacker.apply(name, definition)
    settled(stage.attacker, name)
    stage.attacker.annotate(name, annotations={"esc-operator.dev/rotate-requested-at": "now"})
    wait_until(lambda: stage.attacker.condition(name)["reason"] != "NotRotated", "the rotation is tried")
    ready = stage.attacker.condition(name)
    return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=ready["reason"] == "URLNotAllowed")


@attempt("connect to the metadata of the machine in a database's name")
def metadata(stage: Stage) -> Verdict:
    return rotated(stage, rotating(METADATA))


@attempt("connect to the metadata of the machine with its address as one of IPv6")
def mapped_metadata(stage: Stage) -> Verdict:
    return rotated(stage, rotating(f"::ffff:{METADATA}", 80, "mysql"))


@attempt("connect to a database of the neighbour's in the cluster")
def of_the_neighbour(stage: Stage) -> Verdict:
    with listening() as server:
        verdict = rotated(stage, rotating("127.0.0.1", server.port))
        return verdict if not server.connected else Verdict(NOBODY, "it was connected to", good=False)


@attempt("connect to a port beside the one that an administrator allows")
def beside_the_port(stage: Stage) -> Verdict:
    with listening() as server, allowing(stage, urls=f"postgres://127.0.0.1:1, https://127.0.0.1:{server.port}"):
        verdict = rotated(stage, rotating("127.0.0.1", server.port))
        return verdict if not server.connected else Verdict(NOBODY, "it was connected to", good=False)


class Listening:
    """A server that counts its connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connected = 0


@contextlib.contextmanager
def listening() -> Iterator[Listening]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = Listening(sock.getsockname()[1])

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock.accept()[0].close()
                    server.connected += 1

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    thread.join(5)
