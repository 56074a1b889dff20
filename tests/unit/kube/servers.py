"""An API server and a proxy on the loopback, which note who asks them how. Each serves in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Seen(NamedTuple):
    """A request as a server saw it: who asks, by which name the server was called, and who the proxy was told."""

    authorization: str = ""
    client: str = ""
    server_name: str = ""
    proxy: str = ""


class ApiServer(ThreadingHTTPServer):
    """Answers every request whose Authorization holds `good` with an empty list, and others with a 401."""

    daemon_threads = True

    def __init__(self, pki: Path) -> None:
        self.seen: list[Seen] = []
        self.good = ""
        self.names: dict[object, str] = {}
        super().__init__(("127.0.0.1", 0), _Api)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
        tls.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
        tls.verify_mode = ssl.CERT_OPTIONAL
        tls.sni_callback = self._note_name
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def _note_name(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self.names[connection] = name or ""

    def handle_error(self, *_: object) -> None:
        """A client that does not trust it goes away: that is the client's to tell."""


class _Api(BaseHTTPRequestHandler):
    server: ApiServer
    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        shown: Any = self.connection.getpeercert() or {}
        client = next((value for part in shown.get("subject", ()) for key, value in part if key == "commonName"), "")
        authorization = self.headers.get("Authorization", "")
        self.server.seen.append(Seen(authorization, str(client), self.server.names.get(self.connection, "")))
        is_good = self.server.good in authorization
        body: dict[str, Any] = (
            {"items": [], "metadata": {}} if is_good else {"kind": "Status", "message": "Unauthorized"}
        )
        data = json.dumps(body).encode()
        self.send_response(200 if is_good else 401)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Proxy(ThreadingHTTPServer):
    """Leads every tunnel to one port of this machine, whatever host is asked for."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.target = port
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Tunnel)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Tunnel(BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
        with socket.create_connection(("127.0.0.1", self.server.target)) as inner:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(inner, self.connection), daemon=True)
            back.start()
            _pump(self.connection, inner)
            back.join()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


class SocksProxy(Proxy):
    """The same for SOCKS5; `asked` has the hosts as they were named, and users with their passwords."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.RequestHandlerClass = _Socks


class _Socks(socketserver.BaseRequestHandler):
    server: SocksProxy

    def handle(self) -> None:
        receive = self.request.makefile("rb").read
        _, count = receive(2)
        offered = receive(count)
        login = ""
        self.request.sendall(b"\x05\x02" if 2 in offered else b"\x05\x00")
        if 2 in offered:
            user = receive(receive(2)[1])
            login = f"{user.decode()}:{receive(receive(1)[0]).decode()}"
            self.request.sendall(b"\x01\x00")
        kind = receive(4)[3]
        host = receive(receive(1)[0]).decode() if kind == 3 else socket.inet_ntoa(receive(4))
        port = int.from_bytes(receive(2), "big")
        self.server.asked.append((f"{host}:{port}", login))
        with socket.create_connection(("127.0.0.1", self.server.target)) as inner:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            back = threading.Thread(target=_pump, args=(inner, self.request), daemon=True)
            back.start()
            _pump(self.request, inner)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
