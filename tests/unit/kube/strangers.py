"""What may be found at an API server's address and is none, or is not trusted: each on the loopback, in threads."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAY = datetime.timedelta(days=1)
LIST = b'{"items": [], "metadata": {}}'


class Certificate(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, name: str) -> None:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.crt").write_bytes(pem)
        form, alone = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(self.key.private_bytes(serialization.Encoding.PEM, form, alone))


def make_certificate(
    authority: Certificate | None, *, address: str = "127.0.0.1", begins: float = -1, ends: float = 1
) -> Certificate:
    """An authority called kubernetes, as every cluster has one of its own, or what it signs. Days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server" if authority else "kubernetes")])
    issuer = authority or Certificate(None, key)  # type: ignore[arg-type]  # its own
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(authority.certificate.subject if authority else name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + ends * DAY)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
    )
    if authority is None:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
        builder = builder.add_extension(signer, critical=False)
    return Certificate(builder.sign(issuer.key, hashes.SHA256()), key)


class Reply(NamedTuple):
    status: int = 200
    content_type: str = "application/json"
    body: bytes = LIST
    location: str = ""
    seconds: float = 0


GOOD = Reply()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        reply = self.server.reply
        time.sleep(reply.seconds)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.location:
            self.send_header("Location", reply.location)
        self.end_headers()
        self.wfile.write(reply.body)

    def do_CONNECT(self) -> None:
        """As a proxy that connects to nothing."""
        self.send_response(self.server.reply.status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that does not trust it goes away."""


class Strangers:
    """Starts what it is told, and stops all of it at the end. Each method returns a port."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.authority = make_certificate(None)
        self.authority.write(folder, "ca")
        make_certificate(None).write(folder, "namesake")

    def http(self, reply: Reply = GOOD) -> int:
        return self._serve(_Server(reply))

    def https(
        self,
        reply: Reply = GOOD,
        certificate: Certificate | None = None,
        *,
        wants_client: bool = False,
    ) -> int:
        server = _Server(reply)
        (certificate or make_certificate(self.authority)).write(self.folder, f"server-{server.server_port}")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.folder / "ca.crt")
        named = self.folder / f"server-{server.server_port}"
        tls.load_cert_chain(f"{named}.crt", f"{named}.key")
        tls.verify_mode = ssl.CERT_REQUIRED if wants_client else ssl.CERT_NONE
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return self._serve(server)

    def tcp(self, act: Callable[[socket.socket], None]) -> int:
        """Something else than HTTP."""
        listening = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_accept, args=(listening, act), daemon=True).start()
        return int(listening.getsockname()[1])

    def full(self) -> int:
        """Its queue is full, so the kernel drops what comes: as a firewall does."""
        listening = self._stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = self._stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        return int(listening.getsockname()[1])

    def _serve(self, server: _Server) -> int:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        return server.server_port


def _accept(listening: socket.socket, act: Callable[[socket.socket], None]) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=act, args=(client,), daemon=True).start()


def be_silent(client: socket.socket) -> None:
    with contextlib.suppress(OSError), client:
        while client.recv(1 << 16):
            pass


def reset(client: socket.socket) -> None:
    client.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def close(client: socket.socket) -> None:
    with client:
        while client.recv(1 << 16)[-4:] != b"\r\n\r\n":
            pass


def speak_ssh(client: socket.socket) -> None:
    with client:
        client.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
        be_silent(client)


def want_login(client: socket.socket) -> None:
    """As a SOCKS5 proxy that takes nobody without a password."""
    with client:
        client.recv(64)
        client.sendall(b"\x05\xff")


def refuse_login(client: socket.socket) -> None:
    with client:
        client.recv(64)
        client.sendall(b"\x05\x02")
        client.recv(64)
        client.sendall(b"\x01\x01")


def refuse_to_connect(client: socket.socket) -> None:
    with client:
        client.recv(64)
        client.sendall(b"\x05\x00")
        client.recv(256)
        client.sendall(b"\x05\x02\x00\x01" + bytes(6))


@contextlib.contextmanager
def strangers(folder: Path) -> Iterator[Strangers]:
    with contextlib.ExitStack() as stack:
        yield Strangers(folder, stack)
