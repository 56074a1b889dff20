"""The two ways from a plug-in to the service of its trial: through `context.send`, and to a server on loopback.

Both give the same answers and the same faults; what the driver's `Outbound` makes of a fault is raised here in its
words.
"""

from __future__ import annotations

import atexit
import contextlib
import enum
import ipaddress
import tempfile
import threading
from collections.abc import Callable
from email.utils import format_datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esc_operator.driver.networks import parse_origin, parse_stream
from esc_operator.driver.outbound import LONGEST_ANSWER, REQUEST_SECONDS, too_large, unreachable
from esc_operator.errors import ConfigurationError
from esc_operator.providers.port import HttpAnswer, HttpRequest
from esc_operator.testing.fakes import NOON, FakeStream

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from esc_operator.driver.networks import Fence, Origin
    from esc_operator.providers.port import Stream
    from esc_operator.testing.trial import Service


class Fault(enum.Enum):
    """What can happen in place of an answer."""

    CUT_OFF = "the connection ends in the middle of the answer"
    TOO_LARGE = "the answer is larger than any Secret"
    SILENCE = "there is no answer"
    UNREACHABLE = "there is no connection"


Change = Callable[[int, HttpRequest, HttpAnswer], HttpAnswer | Fault]
"""What happens instead of the answer to a request, whose number counts from 0."""


def unchanged(_: int, __: HttpRequest, genuine: HttpAnswer) -> HttpAnswer | Fault:
    return genuine


class Script:
    """Answers with the service, as far as nothing happens instead; records requests and genuine answers."""

    def __init__(self, service: Service | None, change: Change = unchanged) -> None:
        self._service = service
        self._change = change
        self._lock = threading.Lock()
        self.requests: list[HttpRequest] = []
        self.answers: list[HttpAnswer] = []

    def answer(self, request: HttpRequest) -> HttpAnswer | Fault:
        with self._lock:
            if self._service is None:
                raise AssertionError(f"the trial says that no request is made, but one is: {request.url}")
            lower = {name.lower(): text for name, text in request.headers.items()}
            request = request._replace(headers=lower)
            number = len(self.requests)
            self.requests.append(request)
            genuine = self._service(request)
            self.answers.append(genuine)
            return self._change(number, request, genuine)


class PortWire:
    """Answers what a plug-in sends through `context.send`, behind a fence if there is one.

    Every name resolves to `address`, without a look-up.
    """

    def __init__(self, script: Script, fence: Fence | None = None, address: str = "10.11.12.13") -> None:
        self._script = script
        self._fence = fence
        self._address = ipaddress.ip_address(address)

    async def send(self, request: HttpRequest) -> HttpAnswer:
        import asyncio

        origin = parse_origin(request.url)
        if self._fence is not None:
            self._fence.check_origin(origin)
        self._check_address(origin)
        match self._script.answer(request):
            case Fault.CUT_OFF:
                raise unreachable(origin, "there is no whole answer (ClientPayloadError)")
            case Fault.TOO_LARGE:
                raise too_large(origin)
            case Fault.UNREACHABLE:
                raise unreachable(origin, "there is no connection (ConnectionRefusedError)")
            case Fault.SILENCE:
                await asyncio.sleep(REQUEST_SECONDS)
                raise unreachable(origin, f"there was no whole answer within {REQUEST_SECONDS:g} s")
            case HttpAnswer() as answer:
                return answer

    async def connect(self, url: str) -> Stream:
        """For a plug-in whose client speaks another protocol; the client is a fake as well."""
        self._check_address(parse_stream(url))
        return FakeStream()

    def _check_address(self, origin: Origin) -> None:
        if self._fence is not None:
            with contextlib.suppress(ValueError):
                self._address = ipaddress.ip_address(origin.host)
            self._fence.check_address(origin, self._address)


class LoopbackWire:
    """A server on loopback, for a plug-in with an HTTP client of its own."""

    def __init__(self, url: str, ca_file: str) -> None:
        self.url = url
        self._ca_file = ca_file

    def settings(self, of_trial: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
        return {**of_trial(self.url), **({"SSL_CERT_FILE": self._ca_file} if self._ca_file else {})}


@contextlib.contextmanager
def loopback(script: Script, *, tls: bool) -> Iterator[LoopbackWire]:
    """A server that gives the script's answers until the block ends."""
    released = threading.Event()
    server = _Server(("127.0.0.1", 0), _handler(script, released))
    scheme, ca_file = "http", ""
    if tls:
        server.tls, folder = _certified()
        scheme, ca_file = "https", str(Path(folder.name) / _CA_FILE)
    serving = threading.Thread(target=server.serve_forever, args=(0.001,), daemon=True)
    serving.start()
    try:
        yield LoopbackWire(f"{scheme}://127.0.0.1:{server.server_port}", ca_file)
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
        # After that: a client that repeats a request finds no one, and not a listener that resets its connection.
        released.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        # Within the thread of the connection: a client that never sends a handshake keeps no other one waiting.
        with self.tls.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, *_: Any) -> None:
        """Quiet: a client that breaks off is part of a trial."""


def _handler(script: Script, released: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            host = self.headers.get("host", "")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            given = script.answer(HttpRequest(self.command, f"http://{host}{self.path}", dict(self.headers), body))
            match given:
                case HttpAnswer():
                    self.give(given)
                case Fault.CUT_OFF:
                    genuine = script.answers[-1]
                    half = genuine.body[: len(genuine.body) // 2]
                    self.give(genuine._replace(body=half), missing=len(genuine.body) + 100)
                case Fault.TOO_LARGE:
                    self.give(HttpAnswer(200, {}, b'{"a": "' + b"a" * 2 * LONGEST_ANSWER + b'"}'))
                case Fault.SILENCE:
                    released.wait()
                    self.close_connection = True
                case Fault.UNREACHABLE:
                    self.close_connection = True

        def give(self, answer: HttpAnswer, missing: int = 0) -> None:
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(answer.body) + missing))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def date_time_string(self, timestamp: float | None = None) -> str:
            del timestamp
            return format_datetime(NOON, usegmt=True)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "LIST"):
        setattr(Handler, f"do_{method}", Handler.answer)
    return Handler


_CA_FILE = "ca.pem"


@lru_cache(maxsize=1)
def _certified() -> tuple[ssl.SSLContext, tempfile.TemporaryDirectory[str]]:
    """A server's context with a new certificate for 127.0.0.1, and the folder with the file to verify it with."""
    import ssl
    from datetime import UTC, datetime, timedelta

    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise ConfigurationError(
            "a trial with `tls` needs the package cryptography: pip install 'esc-operator[testing]'"
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trial")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = Path(folder.name) / "server.pem"
    chain.write_bytes(private + public)
    (Path(folder.name) / _CA_FILE).write_bytes(public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, folder
