"""What `kubectl apply` took out of a definition that is an object: its nulls. Pure.

A null of the manifest asks the API server to remove the key, also when the object is created. The manifest itself is in
an annotation, where every user who may write the environment may write anything.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from esc_operator.formats.paths import join_key
from esc_operator.resources.definition_source import OBJECT_FIELD, ObjectSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.resources.definition_source import DefinitionSource

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

MARK: Final = "appliedMark"
"""A field beside `spec` that the API server never sends: the mark of an annotation that was left out."""

_MOST: Final = 64
"""How many lost nulls are looked for."""


def applied_manifest(body: Mapping[str, Any]) -> str:
    """The text of the manifest that was applied last, "" if there is none with a null in it."""
    text = (body["metadata"].get("annotations") or {}).get(LAST_APPLIED, "")
    return text if "null" in text else ""


def applied_mark(body: Mapping[str, Any]) -> int:
    """Differs with that text; 0 if there is none. A null alone changes nothing else of an object."""
    if MARK in body:
        return int(body[MARK])
    text = applied_manifest(body)
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) if text else 0


def find_lost_nulls(manifest: str, source: DefinitionSource | None) -> tuple[str, ...]:
    """The paths of a definition's nulls that the manifest has and the object has not."""
    if not manifest or not isinstance(source, ObjectSource):
        return ()
    try:
        applied = json.loads(manifest)["spec"][OBJECT_FIELD]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
    return tuple(sorted(_lost(f"spec.{OBJECT_FIELD}", applied, source.data)))


def _lost(root: str, applied: Any, held: Any) -> list[str]:
    found: list[str] = []
    waiting = [(root, applied, held)]
    while waiting and len(found) < _MOST:
        path, applied, held = waiting.pop()
        if isinstance(applied, dict) and isinstance(held, dict):
            found += [join_key(path, key) for key, value in applied.items() if value is None and key not in held]
            waiting += [(join_key(path, key), value, held[key]) for key, value in applied.items() if key in held]
        elif isinstance(applied, list) and isinstance(held, list) and len(applied) == len(held):
            pairs = zip(applied, held, strict=True)
            waiting += [(f"{path}[{index}]", one, other) for index, (one, other) in enumerate(pairs)]
    return found[:_MOST]
