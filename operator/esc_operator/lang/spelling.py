"""Edit distance, for "did you mean", with an end to the work it may make: a definition can misspell a million names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_MOST_WORK: Final = 200_000
"""Names that one speller looks at, with their characters, and pairs of characters that it compares; about 50 ms."""


class Speller:
    """Compares names until it has done enough; then every name is as far from every other, and none is suggested."""

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def distance(self, left: str, right: str) -> int:
        """Levenshtein distance."""
        self._left -= len(left) * len(right)
        if self._left < 0:
            return _MOST_WORK
        previous = list(range(len(right) + 1))
        for row, character in enumerate(left, 1):
            current = [row]
            for column, other in enumerate(right, 1):
                current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (character != other)))
            previous = current
        return previous[-1]

    def nearest(self, key: str, candidates: Collection[str]) -> str | None:
        """The candidate that `key` is probably a misspelling of; the first in order where several are equally near."""
        self._left -= len(candidates) + sum(map(len, candidates)) // 16
        if self._left < 0:
            return None
        wanted = _folded(key)
        best, best_distance = None, (len(key) + 1) // 2
        for candidate in sorted(candidates):
            folded = _folded(candidate)
            if abs(len(folded) - len(wanted)) < best_distance:
                found = self.distance(wanted, folded)
                if found < best_distance:
                    best, best_distance = candidate, found
        return best


def _folded(key: str) -> str:
    return key.lower().replace("_", "")
