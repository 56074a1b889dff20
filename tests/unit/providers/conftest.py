"""A loopback STS that answers as it is told, and what a provider is given."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

import pytest

from esc_operator.providers.port import HttpAnswer, HttpRequest, IdentityToken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

T = TypeVar("T")

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ISSUER = "https://oidc.example.com/clusters/1"
SUBJECT = "system:serviceaccount:apps:web"
ROLE = "arn:aws:iam::123456789012:role/apps"


def make_token(**claims: Any) -> str:
    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    payload = {"iss": ISSUER, "sub": SUBJECT, "aud": ["sts.amazonaws.com"], "jti": "c0ffee-secret-jti"} | claims
    return f"{part({'alg': 'RS256'})}.{part(payload)}.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"


@dataclass
class Request:
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass
class Sts:
    """Answers every request with `status`, `body` and `headers`, and remembers what it was asked."""

    url: str = ""
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def grant(self, **credentials: str) -> None:
        given = {
            "AccessKeyId": "ASIAEXAMPLE",
            "SecretAccessKey": "minted-secret-key",
            "SessionToken": "minted-session-token",
            "Expiration": "2026-05-01T13:00:00Z",
        } | credentials
        fields = "".join(f"<{name}>{text}</{name}>" for name, text in given.items() if text)
        self.status = 200
        self.body = (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleWithWebIdentityResult><Credentials>{fields}</Credentials></AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>"
        )

    def refuse(self, code: str, message: str, status: int = 400, **headers: str) -> None:
        self.status, self.headers = status, headers
        self.body = (
            '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )


@pytest.fixture
def sts() -> Iterator[Sts]:
    script = Sts()
    script.grant()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            script.requests.append(Request(dict(self.headers), {name: texts[0] for name, texts in form.items()}))
            self.send_response(script.status)
            for name, text in {"Content-Type": "text/xml", **script.headers}.items():
                self.send_header(name, text)
            body = script.body.encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Caller:
    """An Identity that notes which audience it was asked for."""

    text: str = field(default_factory=make_token)
    subject: str = SUBJECT
    tenant: str = "apps"
    audiences: list[str] = field(default_factory=list)

    async def token(self, audience: str) -> IdentityToken:
        self.audiences.append(audience)
        return IdentityToken(self.text, NOW + timedelta(minutes=10))


@dataclass
class Context:
    """An OpenContext whose clock stands still."""

    identity: Caller
    settings: Mapping[str, str]
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        async def run() -> T:
            return call()

        return run()

    async def run_stream(self, url: str, call: object) -> Any:
        raise AssertionError("it makes requests alone")

    async def send(self, request: HttpRequest) -> HttpAnswer:
        raise AssertionError("no provider of a cloud asks a host that inputs name")


@pytest.fixture
def context(sts: Sts) -> Context:
    return Context(Caller(), {"AWS_ENDPOINT_URL_STS": sts.url, "AWS_REGION": "eu-west-1"})


@pytest.fixture
def oidc() -> dict[str, Any]:
    return {"roleArn": ROLE, "sessionName": "apps-aws"}
