"""Which fields of the kinds an API server does not know, because its CustomResourceDefinitions are older. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.manifests.crds import definitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def unknown_fields(kind: str, published: Mapping[str, Any]) -> list[str]:
    """The paths of fields of this version, such as `spec.rollout.minInterval`, that the published schema of the kind
    does not have: the API server drops them. Of a field that is missing as a whole only its own path is listed."""
    (wanted,) = (
        version["schema"]["openAPIV3Schema"]
        for body in definitions()
        if body["spec"]["names"]["kind"] == kind
        for version in body["spec"]["versions"]
    )
    return list(_missing("", wanted, published))


def _missing(path: str, wanted: Mapping[str, Any], published: Mapping[str, Any]) -> Iterator[str]:
    known: Mapping[str, Any] = published.get("properties") or {}
    for name, schema in wanted.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if name in known:
            yield from _missing(below, schema, known[name])
        elif not published.get("x-kubernetes-preserve-unknown-fields"):
            yield below
    for part in ("items", "additionalProperties"):
        inner = wanted.get(part)
        if isinstance(inner, dict):
            yield from _missing(path, inner, published.get(part) or {})
