"""A namespace of a cluster as an identity sees it, in memory."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.errors import IdentityError
from esc_operator.providers.reasons import OBJECT_FORBIDDEN
from esc_operator.testing import FakeIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSWORD = "the-password-in-a-secret"


def coded(**values: str | bytes) -> dict[str, str]:
    texts = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
    return {key: base64.b64encode(value).decode() for key, value in texts.items()}


OBJECTS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("Secret", "db"): {"metadata": {"resourceVersion": "17"}, "data": coded(user="web", password=PASSWORD)},
    ("Secret", "store"): {"data": coded(jks=b"\xfe\xed\xfe\xed", password=PASSWORD)},
    ("Secret", "empty"): {},
    ("Secret", "token"): {"type": "kubernetes.io/service-account-token", "data": coded(token="a-token-of-the-server")},
    ("Secret", "app"): {
        "metadata": {"labels": {"app.kubernetes.io/managed-by": "esc-operator"}},
        "data": coded(A="1"),
    },
    ("Secret", "app-rotators"): {
        "metadata": {"annotations": {"esc-operator.dev/holds": "rotator-states"}},
        "data": coded(states="{}"),
    },
    ("Secret", "large"): {"data": coded(one="x" * 600_000, two="x" * 600_000)},
    ("ConfigMap", "settings"): {
        "data": {"mode": "fast", "region": "eu", "hosts": "a\nb\n"},
        "binaryData": coded(logo=b"\x89PNG\xff"),
    },
}


@dataclass
class FakeNamespace(FakeIdentity):
    """It may not read what is in `forbidden`; `outage` is what every read raises. `read` has what was read, in
    order."""

    forbidden: frozenset[str] = frozenset()
    outage: IdentityError | None = None
    read: list[str] = field(default_factory=list)

    async def read_object(self, kind: str, name: str) -> Mapping[str, Any] | None:
        self.read.append(f"{kind}/{name}")
        if self.outage is not None:
            raise self.outage
        if name in self.forbidden:
            raise IdentityError(f"ServiceAccount apps/web may not get {kind} apps/{name}", reason=OBJECT_FORBIDDEN)
        return OBJECTS.get((kind, name))


def without_rights() -> FakeNamespace:
    return FakeNamespace(forbidden=frozenset({"db", "settings"}))
