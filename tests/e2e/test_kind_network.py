"""The way from kind's node to this machine's loopback, as far as it can be gone without Docker."""

from __future__ import annotations

import http.server
import threading
import urllib.request
from typing import TYPE_CHECKING

import yaml

from demo.kind_network import relay, write_configuration

if TYPE_CHECKING:
    from pathlib import Path


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_relay_passes_on_both_ways() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        content = b"x" * 300_000
        with relay("127.0.0.1", server.server_port) as address:
            for _ in range(3):
                with urllib.request.urlopen(f"http://{address}", content, timeout=10) as answer:
                    assert answer.read() == content
        server.shutdown()


def test_kind_is_told_of_an_issuer_on_loopback_whichever_kubeadm_its_image_has(tmp_path: Path) -> None:
    written = yaml.safe_load(write_configuration(tmp_path).read_text())
    issuer = f"https://127.0.0.1:{written['networking']['apiServerPort']}"
    old, new = map(yaml.safe_load, written["kubeadmConfigPatches"])
    assert old["apiVersion"] == "kubeadm.k8s.io/v1beta3"
    assert old["apiServer"]["extraArgs"]["service-account-issuer"] == issuer
    assert new["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert {"name": "service-account-issuer", "value": issuer} in new["apiServer"]["extraArgs"]
    assert [node["role"] for node in written["nodes"]] == ["control-plane"]
