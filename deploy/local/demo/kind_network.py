"""What kind needs so that its cluster and the local AWS reach each other: its nodes have a loopback of their own.

The issuer has to be an address at which AWS can read its keys, and pods have to get from the node to this machine.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import subprocess
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOST = "host.docker.internal"
"""This machine, where Docker runs in a virtual machine of its own; elsewhere nobody has that name."""


def write_configuration(folder: Path) -> Path:
    """`with-node.yaml`, with an issuer that is an address of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    issuer = f"https://127.0.0.1:{port}"
    configuration: dict[str, Any] = yaml.safe_load(places.WITH_NODE.read_text())
    configuration["networking"] = {"apiServerAddress": "127.0.0.1", "apiServerPort": port}
    arguments = {"service-account-issuer": issuer, "service-account-jwks-uri": f"{issuer}/openid/v1/jwks"}
    # kind applies the one that is of the version its node image has.
    configuration["kubeadmConfigPatches"] = [
        _patch("v1beta3", arguments),
        _patch("v1beta4", [{"name": name, "value": value} for name, value in arguments.items()]),
    ]
    path = folder / "kind.yaml"
    path.write_text(yaml.safe_dump(configuration))
    return path


def publish_issuer(kubectl: list[str]) -> None:
    """Let anybody read the issuer's discovery document and keys, as a cloud that trusts it must."""
    role, group = "system:service-account-issuer-discovery", "system:unauthenticated"
    binding = ["create", "clusterrolebinding", "issuer-discovery-for-everybody", f"--clusterrole={role}"]
    subprocess.run([*kubectl, *binding, f"--group={group}"], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def endpoint_for_pods(cluster: str, url: str) -> Iterator[str]:
    """The URL by which the cluster's node reaches what listens on this machine's loopback as `url`."""
    scheme, port = urlsplit(url).scheme, urlsplit(url).port
    assert port is not None, "an URL on loopback names its port"
    asked = ["docker", "exec", f"{cluster}-control-plane", "getent", "ahostsv4", _HOST]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        yield f"{scheme}://{_HOST}:{port}"
        return
    with relay(_gateway(), port) as address:
        yield f"{scheme}://{address}"


@contextlib.contextmanager
def relay(host: str, port: int) -> Iterator[str]:
    """Pass on connections to a free port of the address `host` to `port` on loopback; answers `host:port`."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as onward:
                back = threading.Thread(target=_pass_on, args=(onward, self.request), daemon=True)
                back.start()
                _pass_on(self.request, onward)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server((host, 0), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"{host}:{server.server_address[1]}"
        finally:
            server.shutdown()


def _patch(version: str, arguments: Any) -> str:
    patch = {"apiVersion": f"kubeadm.k8s.io/{version}", "kind": "ClusterConfiguration"}
    return yaml.safe_dump({**patch, "apiServer": {"extraArgs": arguments}})


def _pass_on(source: socket.socket, destination: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            destination.sendall(data)
    with contextlib.suppress(OSError):
        destination.shutdown(socket.SHUT_WR)


def _gateway() -> str:
    """This machine's address in the network of kind's nodes."""
    command = ["docker", "network", "inspect", "kind"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    gateways = [str(entry.get("Gateway", "")) for entry in found[0]["IPAM"]["Config"]]
    return next(gateway for gateway in gateways if "." in gateway)
