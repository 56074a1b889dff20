"""Which places may import an environment, and whose definitions may act for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY_NAMESPACE = "*"


@dataclass(frozen=True, slots=True)
class Sharing:
    """`namespaces`: those whose environments may import it, besides its own; None: all."""

    namespaces: frozenset[str] | None = frozenset()

    def reaches(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces


WITH_NOBODY = Sharing()


def parse_sharing(body: Mapping[str, Any]) -> Sharing:
    """The sharing of an environment. By default an EscEnvironment is shared with no other namespace, and a
    ClusterEscEnvironment with all."""
    named = ((body.get("spec") or {}).get("sharing") or {}).get("namespaces")
    if named is None:
        return WITH_NOBODY if body["metadata"].get("namespace") else Sharing(None)
    return Sharing(None if EVERY_NAMESPACE in named else frozenset(named))


def may_import(place: str, owner: str, sharing: Sharing) -> bool:
    """Whether environments in `place`, a namespace or "" for cluster-scoped ones, may import one of `owner`.

    Cluster-scoped ones import nothing of a namespace, whatever it shares: a tenant must not change them.
    """
    return place == owner or (place != "" and sharing.reaches(place))


def parse_trusted(body: Mapping[str, Any]) -> frozenset[str]:
    """The namespaces, besides its own, whose definitions may open providers as the environment's identity."""
    return frozenset((body.get("spec") or {}).get("trustedNamespaces") or ())


def may_act_for(place: str, author: str, trusted: frozenset[str]) -> bool:
    """Whether a definition of `author` may open providers as the identity of an environment in `place`.

    Cluster-scoped definitions, "", are written by administrators.
    """
    return author in {place, ""} or author in trusted
