"""Who manages which fields of an object: its `metadata.managedFields`, as far as the operator needs to know.

The API server writes them and every writer may empty them, so they only help: a missing entry means no owner. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIELD_MANAGER = "esc-operator"
"""The operator's own name in server-side apply."""

LABELS = ("metadata", "labels")
ANNOTATIONS = ("metadata", "annotations")
DATA = ("data",)
STRING_DATA = ("stringData",)
"""The field that one manager sent under this name, and that all others see as data."""


def applied_names(metadata: Mapping[str, Any], *path: str) -> frozenset[str]:
    """The names in a map, such as DATA, that the operator has applied and no other manager has taken over."""
    ours = [names for is_ours, _, names in _owners(metadata, *path) if is_ours]
    return frozenset().union(*ours)


def shared_names(metadata: Mapping[str, Any], *path: str) -> frozenset[str]:
    """Those of `applied_names` that another manager has set to the same value: they stay when the operator stops
    applying them."""
    others = [names for is_ours, _, names in _owners(metadata, *path) if not is_ours]
    return applied_names(metadata, *path) & frozenset().union(*others)


def other_managers(metadata: Mapping[str, Any], names: frozenset[str], *path: str) -> frozenset[str]:
    """The managers, other than the operator, of any of the names in a map."""
    return frozenset(manager for is_ours, manager, found in _owners(metadata, *path) if not is_ours and found & names)


def _owners(metadata: Mapping[str, Any], *path: str) -> Iterator[tuple[bool, str, frozenset[str]]]:
    """For each entry: whether it is the operator's, its manager, and the names that it has in a map."""
    for entry in metadata.get("managedFields") or ():
        manager, found = str(entry.get("manager") or ""), entry.get("fieldsV1")
        for step in path:
            found = found.get(f"f:{step}") if isinstance(found, dict) else None
        if isinstance(found, dict):
            is_ours = manager == FIELD_MANAGER and entry.get("operation") == "Apply"
            yield is_ours, manager, frozenset(name[2:] for name in found if name.startswith("f:"))
