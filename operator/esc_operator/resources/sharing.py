"""Who may import an environment from another place than its own, and whose definitions may act for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY_NAMESPACE = "*"


@dataclass(frozen=True, slots=True)
class Sharing:
    """`namespaces`: those whose environments may import it, beside its own; None stands for all."""

    namespaces: frozenset[str] | None = frozenset()

    def reaches(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces


WITH_NOBODY = Sharing()


def parse_sharing(body: Mapping[str, Any]) -> Sharing:
    """What an environment says of its sharing. Where it says nothing, one of a namespace is shared with nobody, and a
    cluster-scoped one with everybody."""
    named = ((body.get("spec") or {}).get("sharing") or {}).get("namespaces")
    if named is None:
        return WITH_NOBODY if body["metadata"].get("namespace") else Sharing(None)
    return Sharing(None if EVERY_NAMESPACE in named else frozenset(named))


def may_import(place: str, owner: str, sharing: Sharing) -> bool:
    """Whether environments in `place`, a namespace or "" for cluster-scoped ones, may import one of `owner`.

    Cluster-scoped ones import nothing of a namespace, whatever it shares: nobody in a namespace decides about them.
    """
    return place == owner or (place != "" and sharing.reaches(place))


def parse_trusted(body: Mapping[str, Any]) -> frozenset[str]:
    """The namespaces whose definitions an environment lets open providers in its name, beside its own."""
    return frozenset((body.get("spec") or {}).get("trustedNamespaces") or ())


def may_act_for(place: str, author: str, trusted: frozenset[str]) -> bool:
    """Whether a definition of `author` may open providers in the name of an environment in `place`.

    What belongs to the whole cluster, "", is written by its administrators.
    """
    return author in {place, ""} or author in trusted
