"""How large an environment may be, and what is left of one that is kept or looked at without its definition. Pure.

An environment is measured as the API server sends it, with all that is kept about it, so anybody can measure it in the
same way: `kubectl get --raw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.resources import ROTATE_REQUESTED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_ENVIRONMENT = 1024 * 1024
"""Bytes of JSON, as of a Secret or a ConfigMap. etcd itself takes half as much again."""

LARGEST_KEPT = 16 * 1024
"""Bytes of JSON of an environment that is kept as a text until its turn comes; a larger one is read again then."""

LEFT_OUT = "definitionLeftOut"
"""A field beside `spec` that no API server sends: the size of the object, in bytes, as it was with its definition."""

_METADATA = (
    "namespace",
    "name",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
_BULKY = {"environment"}
_BULKY_IN_TARGET = {"labels", "annotations"}


def without_definition(body: Mapping[str, Any], size: int) -> dict[str, Any]:
    """An environment of that size, in bytes, as far as everything but its evaluation has to know it."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    kept = {name: value for name, value in spec.items() if name not in _BULKY}
    if target := spec.get("target"):
        kept["target"] = {name: value for name, value in target.items() if name not in _BULKY_IN_TARGET}
    return {
        LEFT_OUT: size,
        "metadata": {
            **{name: metadata[name] for name in _METADATA if name in metadata},
            "annotations": {name: value for name, value in annotations.items() if name == ROTATE_REQUESTED_AT},
        },
        "spec": kept,
        "status": body.get("status") or {},
    }


def is_without_definition(body: Mapping[str, Any]) -> bool:
    """Whether it has to be read before it is evaluated, if it may be."""
    return LEFT_OUT in body


def size_without_definition(body: Mapping[str, Any]) -> int:
    """The bytes that it had with its definition; 0 where it still has that."""
    return int(body.get(LEFT_OUT, 0))


def refuse_size(body: Mapping[str, Any]) -> str:
    """Why an environment is not evaluated for its size, "" where it is: what, how much, what to do."""
    size = size_without_definition(body)
    if size <= LARGEST_ENVIRONMENT:
        return ""
    return (
        f"the environment is {size:,} bytes large, and may be {LARGEST_ENVIRONMENT:,} bytes of JSON as the API server "
        "keeps it: split it into several environments and import them"
    )
