"""An OIDC issuer of one's own, for tests that need web identity tokens and no cluster.

It publishes its discovery document and its keys over HTTPS on loopback, as a cluster's API server does, and signs
whatever claims it is asked to sign.
"""

import http.server
import ipaddress
import json
import ssl
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from local_cluster.certificates import Authority


class LocalIssuer:
    """Serves within its `with` block; `url` is the issuer's name, `ca_file` what its TLS is verified with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._server: http.server.ThreadingHTTPServer | None = None
        self.url = ""
        self.requests: list[str] = []
        """The paths that were asked for, in order."""
        self.rotate_key()

    @property
    def ca_file(self) -> Path:
        return self._folder / "ca.crt"

    def rotate_key(self) -> None:
        """Sign with a new key from here on, and publish it alone."""
        self._keys = {uuid.uuid4().hex[:8]: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def token(self, subject: str, audience: str | list[str] = "sts.amazonaws.com", **claims: Any) -> str:
        """A token for an hour; a claim that is given replaces the usual one, and one that is None is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": subject, "aud": audience, "iat": now, "nbf": now, "exp": now + 3600}
        content = {name: value for name, value in (usual | claims).items() if value is not None}
        [(key_id, key)] = self._keys.items()
        return jwt.encode(content, key, algorithm="RS256", headers={"kid": key_id})

    def start(self) -> Self:
        authority = Authority.create(self._folder)
        authority.issue_server("issuer", "issuer", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "issuer.crt", self._folder / "issuer.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{server.server_address[1]}"
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _page(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/openid/v1/jwks"}
        if path == "/openid/v1/jwks":
            return {"keys": [_published(key_id, key) for key_id, key in self._keys.items()]}
        return None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                issuer.requests.append(path)
                page = issuer._page(path)
                body = json.dumps(page).encode()
                self.send_response(200 if page else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet: the tests' output is for the tests."""

        return Handler


def _published(key_id: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**published, "kid": key_id, "use": "sig", "alg": "RS256"}
