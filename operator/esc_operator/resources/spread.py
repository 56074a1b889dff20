"""Which namespaces get the Secret of a ClusterEscEnvironment. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.resources.requirements import Requirement, meets

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Spread:
    """Those named, and those whose labels fit; `selects` is False where nothing is said of labels."""

    namespaces: frozenset[str] = frozenset()
    selects: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Requirement, ...] = ()

    def reaches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return namespace in self.namespaces or (self.selects and self._fits(labels))

    def _fits(self, labels: Mapping[str, str]) -> bool:
        named = all(labels.get(key) == value for key, value in self.labels.items())
        return named and all(meets(labels, one) for one in self.expressions)


def parse_spread(target: Mapping[str, Any] | None) -> Spread | None:
    """What `spec.target` says of namespaces; None where there is no target: such an environment is only imported."""
    if target is None:
        return None
    selector = target.get("namespaceSelector")
    expressions = (selector or {}).get("matchExpressions") or ()
    return Spread(
        namespaces=frozenset(target.get("namespaces") or ()),
        selects=selector is not None,
        labels=(selector or {}).get("matchLabels") or {},
        expressions=tuple(
            Requirement(each["key"], each["operator"], frozenset(each.get("values") or ())) for each in expressions
        ),
    )
