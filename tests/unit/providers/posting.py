"""A Poster that answers as it is told, and remembers what it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.providers.token_endpoints import Post, Reply, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class FakePoster:
    """The answers in order; the last one again and again."""

    answers: list[Reply | Unreachable]
    sent: list[Post] = field(default_factory=list)

    def send(self, post: Post, settings: Mapping[str, str]) -> Reply | Unreachable:
        self.sent.append(post)
        return self.answers[min(len(self.sent), len(self.answers)) - 1]


def reply(content: Mapping[str, Any] | None, status: int = 200, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, content)
