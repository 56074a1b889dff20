"""What is remembered of an imported environment, to notice that it is not the same any more."""

from __future__ import annotations

from typing import NamedTuple


class Imported(NamedTuple):
    """Which object it was and in which generation; 0 for one that was not there or could not be had.

    `uid` is "" where that is not known: of what was not there, and in what was written before it was noted. The
    generation alone does not tell one that was deleted and created anew from the one before.
    """

    generation: int
    uid: str = ""


NOT_THERE = Imported(0)
