"""A service that answers as a test says, behind the client's one port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from esc_operator.errors import ProviderError
from esc_operator.providers.port import HttpAnswer, HttpRequest
from esc_operator.stores.pulumi import AccessToken, Api, EnvironmentName, GivenToken, PulumiCloud, Retrying

if TYPE_CHECKING:
    from esc_operator.stores.pulumi import Tokens

T = TypeVar("T")

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PROD = EnvironmentName("acme", "shop", "prod")
TOKEN = "pul-0123456789abcdef0123456789abcdef01234567"
URL = "https://api.pulumi.com"
Reply = HttpAnswer | ProviderError | Callable[[HttpRequest], HttpAnswer]


def replies(status: int = 200, content: Any = None, **headers: str) -> HttpAnswer:
    """An answer; `content` is JSON, or bytes as they are. Underscores in names of headers stand for hyphens."""
    body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    return HttpAnswer(status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


class FakeService:
    """Answers one after the other, the last one for ever, unless it is silent; remembers what it was asked and how long
    was slept."""

    def __init__(self, *answers: Reply, is_silent: bool = False) -> None:
        self.is_silent = is_silent
        self.answers = list(answers)
        self.asked: list[HttpRequest] = []
        self.slept: list[float] = []
        self.now = NOW

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        await (asyncio.Event().wait() if self.is_silent else asyncio.sleep(0))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ProviderError):
            raise answer
        return answer if isinstance(answer, HttpAnswer) else answer(request)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def api(self, url: str = URL, patience: float = 30.0) -> Api:
        return Api(url, self.send, lambda: self.now, Retrying(patience, self.sleep))

    def cloud(self, tokens: Tokens | None = None, *, url: str = URL, patience: float = 30.0) -> PulumiCloud:
        return PulumiCloud(self.api(url, patience), tokens or GivenToken(AccessToken(TOKEN)))

    @property
    def lines(self) -> list[str]:
        """What was asked: method and what follows the host."""
        return [f"{request.method} {request.url.partition('://')[2].partition('/')[2]}" for request in self.asked]


def run(awaited: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(awaited)


def fails(awaited: Coroutine[Any, Any, Any]) -> ProviderError:
    """The failure; no test lets one with the access token pass."""
    with pytest.raises(ProviderError) as failed:
        asyncio.run(awaited)
    for text in (failed.value.message, repr(failed.value), str(failed.value)):
        assert TOKEN not in text
    return failed.value
