"""The stored size of a Secret, and which parts of it are too large. Pure.

The API server counts values alone (`projection.secret`); etcd counts the whole object in Kubernetes' protobuf encoding.
That has the name of each key, label and annotation twice: in the object, and among the fields that the operator
manages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST = 3 << 19
"""Bytes of a request that etcd accepts by default: 1.5 MiB."""
ENVELOPE = 1024
"""Bytes of the rest, without names or values of the environment's own: UIDs, times, the owner."""

_OFFENDERS = 3
_MANAGED = len('"f:":{},')


def refuse_size(body: Mapping[str, Any]) -> str:
    """Why a Secret is too large to be stored, with what to do about it; "" if it is not."""
    metadata = body["metadata"]
    data = {name: (_stored(name), _decoded(value)) for name, value in body["data"].items()}
    around = {
        name: (_stored(name), len(value.encode()))
        for part in ("labels", "annotations")
        for name, value in metadata.get(part, {}).items()
    }
    names, values = _sum(data.values(), 0), _sum(data.values(), 1)
    others = _sum(around.values(), 0) + _sum(around.values(), 1)
    total = names + values + others + ENVELOPE
    if total <= LARGEST:
        return ""
    largest = sorted(data, key=lambda name: (-sum(data[name]), name))[:_OFFENDERS]
    told = ", ".join(f"{_shorten(name)} ({sum(data[name])} bytes)" for name in largest)
    return (
        f"a Secret takes at most 1.5 MiB in etcd ({LARGEST} bytes), and this one takes {total}: {values} of values, "
        f"{names} of the names of {len(data)} keys, which are stored twice, {others} of labels and annotations. The "
        f"largest: {told}. Shorten them, or split the environment"
    )


def _sum(sizes: Iterable[tuple[int, int]], place: int) -> int:
    return sum(size[place] for size in sizes)


def _stored(name: str) -> int:
    """The bytes of a name, with what is stored around it and its value."""
    length = len(name.encode())
    return 2 * length + _MANAGED + 8


def _decoded(text: str) -> int:
    """How many bytes a base64 text encodes."""
    return len(text) * 3 // 4 - text[-2:].count("=")


def _shorten(name: str) -> str:
    return name if len(name) <= 64 else f"{name[:63]}…"
