"""A request to the API as this client makes it, and what messages say about it. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: Final = "application/json"
YAML: Final = "application/x-yaml"

FORM: Final = "application/x-www-form-urlencoded"

_REPEATABLE: Final = frozenset({"GET", "HEAD"})


class Asked(NamedTuple):
    """What a request is about, for messages: `action` such as `open environment acme/shop/prod`, and the names in it
    that the service may not know.

    `thing` is what else may be missing, such as `tag "stable"`, and `missing` says what kind of thing that is: one of
    `session`, `property` and `thing`. `creates` is what the request makes, which may exist already. `is_guarded`: it is
    only done if nothing changed since (an ETag).
    """

    action: str
    organization: str = ""
    environment: str = ""
    version: str = ""
    thing: str = ""
    missing: str = ""
    creates: str = ""
    is_guarded: bool = False


class Call(NamedTuple):
    """A request. `path` are the segments below `/api`. `repeats`: it may be sent twice although it is no GET. Only
    `body` may hold secrets."""

    asked: Asked
    method: str
    path: tuple[str, ...]
    query: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})
    repeats: bool = False

    @property
    def is_repeatable(self) -> bool:
        return self.repeats or self.method in _REPEATABLE

    def __repr__(self) -> str:
        return f"Call({self.method} {self.asked.action})"
