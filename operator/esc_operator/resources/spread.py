"""Which namespaces get the Secret of a ClusterEscEnvironment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.resources.requirements import LabelSelector, parse_label_selector

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Spread:
    """The named namespaces, and those whose labels match `selector`, if there is one."""

    namespaces: frozenset[str] = frozenset()
    selector: LabelSelector | None = None

    def reaches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return namespace in self.namespaces or (self.selector is not None and self.selector.fits(labels))


def parse_spread(target: Mapping[str, Any] | None) -> Spread | None:
    """The namespaces of `spec.target`; None without a target: such an environment is only imported."""
    if target is None:
        return None
    selector = target.get("namespaceSelector")
    return Spread(
        namespaces=frozenset(target.get("namespaces") or ()),
        selector=None if selector is None else parse_label_selector(selector),
    )
