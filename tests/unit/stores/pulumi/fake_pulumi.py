"""A Pulumi Cloud in memory that serves what the operator requests: tokens, opens, sessions and definitions."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from esc_operator.providers.port import HttpAnswer, IdentityToken
from esc_operator.stores.pulumi.service import PulumiService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.evaluation import Opened
    from esc_operator.providers.port import HttpRequest, Identity, OpenContext, SharedExchange


def plain(data: Any, *, secret: bool = False) -> dict[str, Any]:
    """Data as the values of an opened environment."""
    if isinstance(data, dict) and data.keys() <= {"value", "secret", "unknown"} and data:
        return data
    if isinstance(data, dict):
        return {"value": {key: plain(part, secret=secret) for key, part in data.items()}}
    return {"value": data, **({"secret": True} if secret else {})}


UNKNOWN = {"unknown": True}


class FakePulumi:
    """`values` are the properties of each environment by its name, `texts` the definitions. `asked` counts requests;
    `answers`, by the beginning of `METHOD path`, are given in place of the service's own, each once. `tick` lets a
    moment pass at each request."""

    def __init__(self, now: Callable[[], datetime], tick: Callable[[], None]) -> None:
        self._now = now
        self._tick = tick
        self.values: dict[str, dict[str, Any]] = {}
        self.texts: dict[str, str] = {}
        self.revisions: Counter[str] = Counter()
        self.tells_revision = True
        self.token_life = timedelta(hours=1)
        self.tokens: dict[str, datetime] = {}
        self.given: set[str] = set()
        self.answers: list[tuple[str, HttpAnswer | Exception]] = []
        self.asked: Counter[str] = Counter()
        self.requests: list[HttpRequest] = []
        self._sessions: dict[str, str] = {}

    def put(self, name: str, values: dict[str, Any], text: str = "values: {}") -> None:
        self.values[name], self.texts[name] = values, text
        self.revisions[name] += 1

    def instead(self, line: str, status: int, content: Any = None, **headers: str) -> None:
        """Answer the next request of that line so."""
        body = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        self.answers.append((line, HttpAnswer(status, told, body)))

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        self._tick()
        parts = urlsplit(request.url)
        line = f"{request.method} {parts.path.removeprefix('/api/')}"
        kind = "token" if line.endswith("oauth/token") else "open" if request.method == "POST" else "read"
        if kind == "read":
            kind = "session" if "/open/" in line else "definition"
        self.asked[kind] += 1
        for index, (wanted, answer) in enumerate(self.answers):
            if line.startswith(wanted) or kind == wanted:
                del self.answers[index]
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if kind == "token":
            return self._exchange((request.body or b"").decode())
        token = request.headers.get("Authorization", "").removeprefix("token ")
        if token not in self.given and self.tokens.get(token, self._now()) <= self._now():
            return _json(401, {"code": 401, "message": "Unauthorized"})
        return self._answer(kind, parts.path.removeprefix("/api/esc/environments/").split("/"))

    def _exchange(self, form: str) -> HttpAnswer:
        assert parse_qs(form)["subject_token"]
        token = f"pul-{len(self.tokens)}"
        self.tokens[token] = self._now() + self.token_life
        return _json(200, {"access_token": token, "expires_in": int(self.token_life.total_seconds())})

    def _answer(self, kind: str, path: list[str]) -> HttpAnswer:
        name = "/".join(path[:3])
        if kind == "session":
            return _json(200, {"properties": plain(self.values[self._sessions[path[-1]]])["value"]})
        if name not in self.values:
            return _json(404, {"code": 404, "message": f"environment {name} not found"})
        revision = {"pulumi-esc-revision": str(self.revisions[name])}
        if kind == "definition":
            return HttpAnswer(
                200, {**revision, "etag": "e", "content-type": "application/x-yaml"}, self.texts[name].encode()
            )
        session = f"s{len(self._sessions)}"
        self._sessions[session] = name
        return _json(200, {"id": session}, **(revision if self.tells_revision else {}))


def _json(status: int, content: Mapping[str, Any], **headers: str) -> HttpAnswer:
    told = {"content-type": "application/json", **headers}
    return HttpAnswer(status, told, json.dumps(content).encode())


class Through:
    """A context whose requests reach the fake."""

    def __init__(self, context: OpenContext, cloud: FakePulumi) -> None:
        self._context = context
        self.send = cloud.send
        self.identity: Identity = context.identity
        self.settings = context.settings
        self.now = context.now
        self.run_blocking = context.run_blocking
        self.run_stream = context.run_stream


class ThroughFake(PulumiService):
    """The real service, whose requests reach the fake."""

    def __init__(self, cloud: FakePulumi) -> None:
        super().__init__()
        self._cloud = cloud

    async def open(self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange) -> Opened:
        return await super().open(inputs, Through(context, self._cloud), shared)


def jwt(subject: str) -> IdentityToken:
    return IdentityToken(f"a.{subject}.c", None)
