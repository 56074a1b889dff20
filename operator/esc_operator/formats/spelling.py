"""The end of a message about a name that does not exist: the one that was probably meant, else those that exist.

The only place for "did you mean". The work is limited: a definition can misspell a million names, and a namespace can
hold ten thousand. Callers pass only names that the reader of the message may read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

_MOST_WORK: Final = 200_000
"""Names that one speller looks at, with their characters, and pairs of characters that it compares; about 50 ms."""

_COMPARISON: Final = 16
"""Work to compare two names, besides the pairs of characters in which they differ."""

_MOST_NAMES: Final = 20_000
"""Among more names none is searched: it would take longer than the event loop may be held."""

MOST_LISTED: Final = 20
"""How many names a message lists."""

_LONGEST: Final = 80
"""Characters of a name that a message lists; a longer one is left out."""


class Known(NamedTuple):
    """The existing names. `lead` introduces their list, as in `the providers are`; "" if they are not listed, because
    they are many or explain nothing."""

    names: Collection[str]
    lead: str = ""


class Speller:
    """Compares names until it has done enough; then every name is as far from every other, and none is suggested."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def distance(self, left: str, right: str, *, swaps: bool = False) -> int:
        """Levenshtein distance. With `swaps`, two neighbouring characters in the wrong order are one edit, not two."""
        self._left -= _COMPARISON
        if self._left < 0:
            return _MOST_WORK
        left, right = _differing(left, right)
        self._left -= len(left) * len(right)
        if self._left < 0:
            return _MOST_WORK
        before: list[int] = []
        previous = list(range(len(right) + 1))
        for row, character in enumerate(left, 1):
            current = [row]
            for column, other in enumerate(right, 1):
                edits = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (character != other))
                if swaps and row > 1 < column and character == right[column - 2] and other == left[row - 2]:
                    edits = min(edits, before[column - 2] + 1)
                current.append(edits)
            before, previous = previous, current
        return previous[-1]

    def nearest(self, key: str, candidates: Collection[str]) -> str | None:
        """The candidate that upstream would suggest instead of `key`, which is seldom none; the first in order where
        several are equally near."""
        return self._nearest(key, candidates, (len(key) + 1) // 2 - 1, swaps=False)

    def meant(self, key: str, candidates: Collection[str]) -> str | None:
        """The candidate of which `key` is a misspelling; None if none is that near. Another name that ends alike, such
        as that of a provider which is not installed, is no misspelling."""
        return self._nearest(key, candidates, (len(key) + 1) // 4, swaps=True)

    def _nearest(self, key: str, candidates: Collection[str], most: int, *, swaps: bool) -> str | None:
        if not self._looks_at(candidates):
            return None
        wanted = _folded(key)
        best, least = None, most
        for candidate in candidates:
            folded = _folded(candidate)
            if abs(len(folded) - len(wanted)) > least:
                continue
            found = self.distance(wanted, folded, swaps=swaps)
            if found < least or (found == least and (best is None or candidate < best)):
                best, least = candidate, found
        return best

    def hint(self, key: str, known: Known | None) -> str:
        """The end of a message about a name that means nothing: `; did you mean "a"?`, or `; the providers are a, b`;
        "" if there is nothing to say."""
        if known is None:
            return ""
        # What is exactly one of the names is no misspelling: something else is wrong with it.
        if (found := self.meant(key, known.names)) not in {None, key}:
            return f'; did you mean "{found}"?'
        return f"; {listed}" if (listed := self.listed(known)) else ""

    def listed(self, known: Known) -> str:
        """`the providers are a, b, c and 3 more`; "" if they are not listed, or enough work was done."""
        if not known.lead or not known.names or not self._looks_at(known.names):
            return ""
        return f"{known.lead} {enumerated(known.names)}"

    def _looks_at(self, names: Collection[str]) -> bool:
        """Whether there is work left to look at so many names, which is then used up."""
        if self._left < 0 or len(names) > _MOST_NAMES:
            return False  # counting their characters is work, too
        self._left -= len(names) + sum(map(len, names)) // 16
        return self._left >= 0


def hint(key: str, known: Known | None) -> str:
    """`Speller.hint` for a single name."""
    return Speller().hint(key, known)


def enumerated(names: Collection[str]) -> str:
    """The first of the names, in order, and how many there are besides: `a, b, c and 3 more`; `none` for none."""
    from heapq import nsmallest  # which few commands come to

    if not names:
        return "none"
    shown = [name for name in nsmallest(MOST_LISTED, names) if len(name) <= _LONGEST and name.isprintable()]
    more = len(names) - len(shown)
    if not shown:
        return f"{more} with long names"
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _differing(left: str, right: str) -> tuple[str, str]:
    """Both texts without what they begin and end with alike, which takes part in no edit: names of one family would
    use up the work for their common beginning."""
    most = min(len(left), len(right))
    begin = next((place for place in range(most) if left[place] != right[place]), most)
    most -= begin
    end = next((place for place in range(most) if left[-1 - place] != right[-1 - place]), most)
    return left[begin : len(left) - end], right[begin : len(right) - end]


def _folded(key: str) -> str:
    return key.lower().replace("_", "")
