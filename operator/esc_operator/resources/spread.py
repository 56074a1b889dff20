"""Which namespaces get the Secret of a ClusterEscEnvironment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.resources.requirements import LabelSelector, parse_label_selector

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Spread:
    """Those named, and those whose labels fit `selector`; it is None where nothing is said of labels."""

    namespaces: frozenset[str] = frozenset()
    selector: LabelSelector | None = None

    def reaches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return namespace in self.namespaces or (self.selector is not None and self.selector.fits(labels))


def parse_spread(target: Mapping[str, Any] | None) -> Spread | None:
    """What `spec.target` says of namespaces; None where there is no target: such an environment is only imported."""
    if target is None:
        return None
    selector = target.get("namespaceSelector")
    return Spread(
        namespaces=frozenset(target.get("namespaces") or ()),
        selector=None if selector is None else parse_label_selector(selector),
    )
