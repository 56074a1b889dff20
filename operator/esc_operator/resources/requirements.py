"""Label selectors of Kubernetes. Pure.

Written here because the API server applies selectors only to its lists: the operator compares objects that it already
has with selectors of others, and the official Python client has no function for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of `matchExpressions`: `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Matches what meets all requirements; everything, if there are none."""

    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Requirement, ...] = ()

    def fits(self, labels: Mapping[str, str]) -> bool:
        named = all(labels.get(key) == value for key, value in self.labels.items())
        return named and all(meets(labels, one) for one in self.expressions)


def parse_label_selector(data: Mapping[str, Any]) -> LabelSelector:
    """Read `matchLabels` and `matchExpressions`."""
    return LabelSelector(
        labels=data.get("matchLabels") or {},
        expressions=tuple(
            Requirement(each["key"], each["operator"], frozenset(each.get("values") or ()))
            for each in data.get("matchExpressions") or ()
        ),
    )


def meets(labels: Mapping[str, str], wanted: Requirement) -> bool:
    """As in Kubernetes, NotIn is also met by an absent label."""
    present = wanted.key in labels
    match wanted.operator:
        case "In":
            return present and labels[wanted.key] in wanted.values
        case "NotIn":
            return not present or labels[wanted.key] not in wanted.values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
    return False
