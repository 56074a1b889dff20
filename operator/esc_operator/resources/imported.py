"""What is remembered of an imported environment, to notice that it is not the same any more."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Imported(NamedTuple):
    """Which object it was and in which generation; 0 for one that was not there or could not be had.

    `uid` is "" where that is not known: of what was not there, and in what was written before it was noted. The
    generation alone does not tell one that was deleted and created anew from the one before.
    """

    generation: int
    uid: str = ""


NOT_THERE = Imported(0)

BEHIND: Final = "*"
"""Among what an environment imports, the name of all that was imported by others than the authors of its own place. No
environment can be called so."""


def as_one(behind: Mapping[str, Imported]) -> Imported:
    """Several imports as one, whose UID is another where any of them is. It tells neither names nor generations to
    people who do not know their UIDs already."""
    described = json.dumps([(name, *one) for name, one in sorted(behind.items())])
    return Imported(1, hashlib.sha256(described.encode()).hexdigest()[:32])
