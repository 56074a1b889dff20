"""One organization in a local Pulumi Cloud, and plain requests to it, as a program without an SDK sends them."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_pulumi import LocalPulumi

ORGANIZATION = "acme"
E = f"/api/esc/environments/{ORGANIZATION}/shop/prod"


@dataclass
class Said:
    """An answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """The status and the words, which the body has as the status line does."""
        assert self.content["code"] == self.status
        return self.status, self.content["message"]


class Clock:
    """The machine's clock, which a test can set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class World:
    """Asks with a personal token of all permissions unless another is given."""

    def __init__(self, cloud: LocalPulumi, clock: Clock) -> None:
        cloud.create_organization(ORGANIZATION, ["ada", "bob"], ["platform"])
        self.cloud = cloud
        self.clock = clock
        self.token = cloud.create_token(ORGANIZATION, user="ada")
        self._pool = pool_of(cloud.ca_file)

    def close(self) -> None:
        self._pool.clear()

    def ask(
        self, method: str, path: str, content: Any = None, *, token: str | None = None, headers: Mapping[str, str] = {}
    ) -> Said:
        """`content` is sent as JSON, but a text or bytes as they are."""
        body = content if content is None or isinstance(content, str | bytes) else json.dumps(content)
        shown = self.token if token is None else token
        usual = {"Authorization": f"token {shown}"} if shown else {}
        answer = self._pool.request(
            method,
            f"{self.cloud.url}{path}",
            body=body,
            headers={**usual, **headers},
            retries=False,
            timeout=10,
        )
        return Said(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def put(self, text: str, environment: str = "shop/prod") -> int:
        return self.cloud.put(ORGANIZATION, environment, text)

    def open(self, path: str = E, token: str | None = None) -> Said:
        return self.ask("POST", f"{path}/open", token=token)

    def values(self, path: str = E) -> dict[str, Any]:
        """What the environment opens to, by property."""
        opened = self.open(path)
        assert opened.status == 200, opened.body
        base = path.partition("/versions/")[0]
        read = self.ask("GET", f"{base}/open/{opened.content['id']}")
        return {name: plain(value) for name, value in read.content["properties"].items()}


def plain(value: dict[str, Any]) -> Any:
    content = value.get("value")
    if isinstance(content, dict):
        return {name: plain(part) for name, part in content.items()}
    return [plain(part) for part in content] if isinstance(content, list) else content


def pool_of(ca_file: Path) -> urllib3.PoolManager:
    return urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=ca_file))
