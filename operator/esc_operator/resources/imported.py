"""The identity of an imported environment, to detect changes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Imported(NamedTuple):
    """The object and its generation; 0 for one that did not exist or could not be read.

    `uid` is "" if not known: the environment did not exist, or an earlier version wrote the record. The generation
    alone does not distinguish an environment that was deleted and created again. `source` is the mark of the text, if
    that is in another object (`definition_source.mark_of`): it changes without another generation; "" if it is not, or
    not known.
    """

    generation: int
    uid: str = ""
    source: str = ""


NOT_THERE = Imported(0)

BEHIND: Final = "*"
"""The name, among an environment's imports, that stands for everything imported by definitions of other places. It is
not a valid name of an environment."""


SOURCE: Final = "."
"""The name, among an environment's imports, that stands for the object that holds its own definition. It is not a valid
name of an environment."""


def own_source(mark: str, namespace: str = "") -> Imported:
    """The entry for `SOURCE`: the mark of the text that was used, and for a ClusterEscEnvironment the namespace of the
    object that holds it."""
    return Imported(1, mark, namespace)


def as_one(behind: Mapping[str, Imported]) -> Imported:
    """Several imports as one, whose UID changes if any of them does. It reveals neither names nor generations to people
    who do not already know their UIDs."""
    described = json.dumps([(name, *_known_of(one)) for name, one in sorted(behind.items())])
    return Imported(1, hashlib.sha256(described.encode()).hexdigest()[:32])


def _known_of(one: Imported) -> tuple[int | str, ...]:
    return (one.generation, one.uid, one.source) if one.source else (one.generation, one.uid)
