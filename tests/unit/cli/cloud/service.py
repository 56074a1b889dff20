"""A Pulumi Cloud in memory, behind the client's port: tokens, users, environments, and failures as told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from esc_operator.providers.port import HttpAnswer
from esc_operator.stores.pulumi import Api, Retrying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.errors import ProviderError
    from esc_operator.providers.port import HttpRequest

URL = "https://api.pulumi.com"
TOKEN = "pul-canary0123456789"
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def secret(value: Any) -> dict[str, Any]:
    return {"value": value, "secret": True}


def plain(value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and set(value) == {"value", "secret"}:
        return value
    if isinstance(value, dict):
        return {"value": {key: plain(child) for key, child in value.items()}}
    return {"value": [plain(child) for child in value] if isinstance(value, list) else value}


@dataclass
class FakeCloud:
    """`users` are the tokens with the user of each, `environments` the values by `org/project/name`, `definitions`
    their texts, `findings` the diagnostics of those that cannot be opened. `fails` answers or raises first, by what
    the request's path contains."""

    users: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            TOKEN: {"githubLogin": "jane", "organizations": [{"githubLogin": "jane"}, {"githubLogin": "acme"}]}
        }
    )
    environments: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    findings: dict[str, list[Any]] = field(default_factory=dict)
    warnings: list[Any] = field(default_factory=list)
    default_organization: str | None = None
    fails: dict[str, HttpAnswer | ProviderError] = field(default_factory=dict)
    exchanged: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    insecure: list[bool] = field(default_factory=list)
    lifetime: int = 7200
    now: datetime = NOW

    def api(self, url: str, insecure: bool) -> Api:
        self.insecure.append(insecure)
        return Api(url, self.send, lambda: self.now, Retrying(30.0, self._sleep))

    async def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def send(self, request: HttpRequest) -> HttpAnswer:
        parts = urlsplit(request.url)
        path = parts.path.removeprefix("/api/")
        self.asked.append(f"{request.method} {path}")
        for where, failure in self.fails.items():
            if where in path:
                if isinstance(failure, HttpAnswer):
                    return failure
                raise failure
        if path == "oauth/token":
            return self._exchange(dict(parse_qsl((request.body or b"").decode())))
        token = request.headers.get("Authorization", "").removeprefix("token ")
        if token not in self.users:
            return answer({"code": 401, "message": "Unauthorized: Invalid access token"}, 401)
        return self._answer(request.method, path, self.users[token], dict(parse_qsl(parts.query)))

    def _exchange(self, form: dict[str, str]) -> HttpAnswer:
        self.exchanged.append(form)
        token = f"pul-exchanged{len(self.exchanged)}"
        self.users[token] = {"githubLogin": "acme", "organizations": [{"githubLogin": "acme"}]}
        return answer({"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"})

    def _answer(self, method: str, path: str, user: dict[str, Any], query: dict[str, str]) -> HttpAnswer:
        if path == "user":
            return answer(user)
        if path == "user/organizations/default":
            chosen = self.default_organization
            return answer({"gitHubLogin": chosen}) if chosen else answer({"code": 404, "message": "none"}, 404)
        words = path.removeprefix("esc/environments").strip("/").split("/")
        if len(words) < 3:
            return self._list(words[0], query)
        name, rest = "/".join(words[:3]), words[3:]
        if rest == ["versions"]:
            return answer([])
        if rest[:1] == ["versions"]:
            if rest[1] not in {"3", "stable"}:
                return answer({"code": 404, "message": f"Not Found: revision '{rest[1]}' not found"}, 404)
            rest = rest[2:]
        return self._environment(method, name, rest)

    def _environment(self, method: str, name: str, rest: list[str]) -> HttpAnswer:
        if name not in self.environments:
            return answer({"code": 404, "message": f"Not Found: environment '{name}' not found"}, 404)
        if not rest:
            headers = {"pulumi-esc-revision": "3", "etag": "x", "content-type": "application/x-yaml"}
            return HttpAnswer(200, headers, self.definitions.get(name, "values: {}\n").encode())
        if method == "POST" and (found := self.findings.get(name)):
            return answer({"code": 400, "message": "Bad Request: invalid", "diagnostics": found}, 400)
        if method == "POST":
            return answer({"id": "session", "diagnostics": self.warnings})
        return answer({"properties": {key: plain(value) for key, value in self.environments[name].items()}})

    def _list(self, organization: str, query: dict[str, str]) -> HttpAnswer:
        organization = organization or query.get("organization", "")
        names = [
            each.split("/") for each in self.environments if not organization or each.startswith(f"{organization}/")
        ]
        fields = ("organization", "project", "name")
        return answer({"environments": [dict(zip(fields, each, strict=True)) for each in names], "nextToken": ""})


def answer(content: Any, status: int = 200, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, {"content-type": "application/json", **headers}, json.dumps(content).encode())
