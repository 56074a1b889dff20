"""How large an environment may be, and an environment without its definition. Pure.

An environment's size is that of the API server's answer, with status and managedFields, so users can measure it in the
same way: `kubectl get --raw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.resources import ROTATE_PULUMI_ROTATORS, ROTATE_REQUESTED_AT
from esc_operator.resources.applied import MARK, applied_mark
from esc_operator.resources.definition_source import INLINE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUESTS = {ROTATE_REQUESTED_AT, ROTATE_PULUMI_ROTATORS}

LARGEST_ENVIRONMENT = 1024 * 1024
"""Bytes of JSON, the limit of a Secret or a ConfigMap too. etcd itself accepts half as much again."""

LARGEST_KEPT = 16 * 1024
"""Bytes of JSON of an environment that is kept in memory until its turn; a larger one is read again then."""

LEFT_OUT = "definitionLeftOut"
"""A field beside `spec` that the API server never sends: the object's size, in bytes, with its definition."""

_METADATA = (
    "namespace",
    "name",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
_BULKY_IN_TARGET = {"labels", "annotations"}


def without_definition(body: Mapping[str, Any], size: int) -> dict[str, Any]:
    """An environment of that size, in bytes, without its definition: enough for everything but its evaluation."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    kept = {name: value for name, value in spec.items() if name not in INLINE_FIELDS}
    if target := spec.get("target"):
        kept["target"] = {name: value for name, value in target.items() if name not in _BULKY_IN_TARGET}
    return {
        LEFT_OUT: size,
        MARK: applied_mark(body),
        "metadata": {
            **{name: metadata[name] for name in _METADATA if name in metadata},
            "annotations": {name: value for name, value in annotations.items() if name in _REQUESTS},
        },
        "spec": kept,
        "status": body.get("status") or {},
    }


def is_without_definition(body: Mapping[str, Any]) -> bool:
    """Whether it has to be read again before its evaluation."""
    return LEFT_OUT in body


def size_without_definition(body: Mapping[str, Any]) -> int:
    """Its size, in bytes, with its definition; 0 if it still has it."""
    return int(body.get(LEFT_OUT, 0))


def refuse_size(body: Mapping[str, Any]) -> str:
    """Why an environment is too large to evaluate, with its size and what to do; "" if it is not."""
    size = size_without_definition(body)
    if size <= LARGEST_ENVIRONMENT:
        return ""
    return (
        f"the environment has {size:,} bytes of JSON as the API server stores it, and at most "
        f"{LARGEST_ENVIRONMENT:,} are allowed: split it into several environments and import them"
    )
