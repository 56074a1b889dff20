"""A Vault that answers as a test tells it to, behind the context of a provider."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.providers.port import HttpAnswer
from unit.providers.conftest import NOW, Caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from esc_operator.providers.port import HttpRequest

ADDRESS = "https://vault.test:8200"
ISSUER = "https://oidc.example.com/clusters/1"
SECRETS = ("hvs.minted", "hvs.parent", "c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0", "db-password", "lease-of")


def answer(content: object = None, status: int = 200, **headers: str) -> HttpAnswer:
    body = content.encode() if isinstance(content, str) else b"" if content is None else json.dumps(content).encode()
    return HttpAnswer(status, headers, body)


def refusal(status: int, *errors: str, **headers: str) -> HttpAnswer:
    return answer({"errors": list(errors)}, status, **headers)


def token(seconds: int = 3600, *, renewable: bool = True, text: str = "hvs.minted") -> HttpAnswer:
    return answer({"auth": {"client_token": text, "lease_duration": seconds, "renewable": renewable}})


def secret(data: object, **more: Any) -> HttpAnswer:
    return answer({"lease_id": "", "lease_duration": 0, "renewable": False, **more, "data": data})


def leased(data: object, seconds: int = 60, *, renewable: bool = True, lease: str = "lease-of-x") -> HttpAnswer:
    return secret(data, lease_id=lease, lease_duration=seconds, renewable=renewable)


@dataclass
class VaultContext:
    """An OpenContext with a Vault: the answers for a path, in order; the last is repeated."""

    answers: dict[str, list[HttpAnswer]]
    identity: Caller = field(default_factory=Caller)
    settings: Mapping[str, str] = field(default_factory=dict)
    time: datetime = NOW
    sent: list[HttpRequest] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def run_blocking(self, call: Callable[[], Any]) -> Awaitable[Any]:
        raise AssertionError("nothing blocks")

    async def run_stream(self, url: str, call: object) -> Any:
        raise AssertionError("it makes requests alone")

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        path = request.url.partition("/v1/")[2]
        assert path in self.answers, f"nothing was asked for at {path}"
        answers = self.answers[path]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was sent to a path."""
        return [json.loads(one.body or b"{}") for one in self.sent if one.url.endswith(f"/v1/{path}")]


def serving(**paths: HttpAnswer | list[HttpAnswer]) -> VaultContext:
    """Paths as keywords, with __ for a slash and _ for a hyphen where Vault has one."""
    return VaultContext({_path(name): found if isinstance(found, list) else [found] for name, found in paths.items()})


def _path(name: str) -> str:
    path = name.replace("__", "/")
    return {"auth/token/renew_self": "auth/token/renew-self", "auth/token/lookup_self": "auth/token/lookup-self"}.get(
        path, path
    )
