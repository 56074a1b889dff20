"""Requirements about labels, as the label selectors of Kubernetes have them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of `matchExpressions`: `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()


def meets(labels: Mapping[str, str], wanted: Requirement) -> bool:
    """As the label selectors of Kubernetes have it: NotIn is also met by a label that is not there."""
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
