"""Resource versions: which of two is older."""

from __future__ import annotations


def is_older(version: str, than: str) -> bool:
    """Whether one resourceVersion is known to be older than another of the same kind of object.

    They are comparable numbers in every API server on etcd, and documented as such since 1.35; for others the answer is
    False.
    """
    try:
        return int(version) < int(than)
    except ValueError:
        return False
