"""Vault's HTTP API, as far as it is used: one request, and what its answer says.

Everything is sent through `OpenContext.send`, because inputs name the host. A token is in a header and nowhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from esc_operator.providers.port import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.port import OpenContext


class Reply(NamedTuple):
    """What Vault answered. `content` is empty if the answer has no body, None if it is not a JSON object; `text` joins
    its errors and warnings. No field but `content` holds a secret."""

    status: int
    content: Mapping[str, Any] | None
    text: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Reply(status={self.status})"

    def part(self, name: str) -> Mapping[str, Any]:
        """An object in the content; empty if there is none."""
        found = (self.content or {}).get(name)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Vault:
    """One Vault as one token sees it. `namespace` is Vault's own kind of namespace, "" for the root's."""

    address: str
    namespace: str
    context: OpenContext
    token: str = field(default="", repr=False)

    async def read(self, path: str) -> Reply:
        return await self._send("GET", path, None)

    async def write(self, path: str, body: Mapping[str, Any]) -> Reply:
        return await self._send("POST", path, body)

    async def knows_token(self) -> bool:
        """Whether Vault knows the token: it denies permissions in the same words to one that it does not know."""
        return (await self.read("auth/token/lookup-self")).status != 403

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Reply:
        place, mark, query = path.strip("/").partition("?")
        # Vault answers only requests with this header, if it runs with an agent in front.
        headers = {"X-Vault-Request": "true", "Accept": "application/json"}
        if self.token:
            headers["X-Vault-Token"] = self.token
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self.address}/v1/{quote(place)}{mark}{query}"
        encoded = None if body is None else json.dumps(body).encode()
        answer = await self.context.send(HttpRequest(method, url, headers, encoded))
        content = _parse(answer.body)
        return Reply(answer.status, content, _text(content or {}), answer.headers)


def _parse(body: bytes) -> Mapping[str, Any] | None:
    if not body.strip():
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _text(content: Mapping[str, Any]) -> str:
    lists = (content.get("errors"), content.get("warnings"))
    return "; ".join(str(line) for lines in lists if isinstance(lines, list) for line in lines)
