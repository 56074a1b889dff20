"""An HTTPS server on loopback that answers in JSON, with a certificate of its own authority.

Owns the protocol and nothing of what is answered; the local issuer and the local clouds stand on it. It serves on
threads of the process that starts it, so whoever starts one may ask it what happened. `ServerCertificate` is for a
server of another make.
"""

import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509

from local_cluster.certificates import Authority


@dataclass(frozen=True)
class Question:
    """One request. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object of the body; empty where there is none."""
        try:
            content = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def bearer(self) -> str:
        """The token of the Authorization header, or nothing."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""


@dataclass(frozen=True)
class Answer:
    """`content` is sent as JSON, but a text as it is."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class ServerCertificate:
    """What a server on loopback shows its clients, who verify it with `ca_file`; written when it is issued."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority: Authority | None = None
        self._hosts: list[str] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    @property
    def ca_file(self) -> Path:
        return self._folder / "ca.crt"

    def issue(self) -> None:
        """Make an authority, and a certificate for 127.0.0.1."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._authority = Authority.create(self._folder)
        self.certify("127.0.0.1")

    def certify(self, host: str) -> None:
        """Show from here on a certificate for this name or address too, by which others reach this machine."""
        assert self._authority is not None, "it has been issued"
        self._hosts = [*dict.fromkeys([*self._hosts, host])]
        self._authority.issue_server("server", "server", [_general_name(one) for one in self._hosts])
        # New connections are shown the new one; those that are open keep theirs.
        self.context.load_cert_chain(self._folder / "server.crt", self._folder / "server.key")


class HttpsServer:
    """Serves within its `with` block; `ca_file` is what its TLS is verified with, and written when it starts."""

    def __init__(self, folder: Path, answer: Callable[[Question], Answer]) -> None:
        self._answer = answer
        self._server: http.server.ThreadingHTTPServer | None = None
        self._certificate = ServerCertificate(folder)
        self.url = ""

    @property
    def ca_file(self) -> Path:
        return self._certificate.ca_file

    def certify(self, host: str) -> None:
        """As `ServerCertificate.certify`."""
        self._certificate.certify(host)

    def start(self) -> Self:
        self._certificate.issue()
        server = _Server(("127.0.0.1", 0), _handler(self._answer))
        context = self._certificate.context
        # Without the handshake: one that does not come would keep all others waiting.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
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


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Quiet: whoever does not trust the certificate breaks off, which is theirs to tell."""


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _handler(answer: Callable[[Question], Answer]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            question = Question(self.command, url.path, headers, self.rfile.read(length), query)
            answered = answer(question)
            content = answered.content
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(answered.status)
            for name, value in {"Content-Type": "application/json", **answered.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Quiet: a form in a log would be a leaked credential."""

    return Handler
