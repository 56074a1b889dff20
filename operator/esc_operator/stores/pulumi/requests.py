"""A request to the API as this client makes it, and what messages say about it. Pure."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.stores.pulumi.names import EnvironmentName

JSON: Final = "application/json"
YAML: Final = "application/x-yaml"
FORM: Final = "application/x-www-form-urlencoded"

_REPEATABLE: Final = frozenset({"GET", "HEAD"})


class Asked(NamedTuple):
    """What a request is about, for messages: `action` such as `open environment acme/shop/prod`, and the names in it
    that the service may not know.

    `thing` is what else may be missing, such as `tag "stable"`, and `missing` says what kind of thing that is: one of
    `session`, `property` and `thing`. `creates` is what the request makes, which may exist already.
    """

    action: str
    organization: str = ""
    environment: str = ""
    version: str = ""
    thing: str = ""
    missing: str = ""
    creates: str = ""


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


def about(action: str, environment: EnvironmentName, version: str = "") -> Asked:
    """What messages say of a request about an environment; `action` such as `open` or `list the tags of`."""
    name = str(environment)
    shown = f"{name}@{version}" if version else name
    return Asked(f"{action} environment {shown}", environment.organization, name, version)


def json_body(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()
