"""How many terminal cells a text takes: columns inside an interpolation are counted this way.

An approximation of Unicode's grapheme clusters good enough for marks, joiners, variation selectors, flags and wide
scripts; upstream uses the uniseg library.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator

_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"


class Ruler:
    """A text measured once: where its characters and clusters stand, in cells and in bytes of UTF-8."""

    __slots__ = ("_bytes", "_cells", "_cluster_bytes", "_cluster_cells")

    def __init__(self, text: str) -> None:
        self._cells = [0]
        self._bytes = [0]
        self._cluster_cells = [0]
        self._cluster_bytes = [0]
        for cluster in _clusters(text):
            cells = self._cells[-1] + _cluster_width(cluster)
            for character in cluster:
                self._cells.append(cells)
                self._bytes.append(self._bytes[-1] + len(character.encode("utf-8", "surrogatepass")))
            self._cluster_cells.append(cells)
            self._cluster_bytes.append(self._bytes[-1])

    def before(self, index: int) -> tuple[int, int]:
        """Cells and bytes that the first `index` characters take."""
        return self._cells[index], self._bytes[index]

    def bytes_of(self, cells: int) -> int:
        """Bytes of the shortest run of whole clusters that fills `cells`, or of the whole text."""
        return self._cluster_bytes[min(bisect_left(self._cluster_cells, cells), len(self._cluster_bytes) - 1)]


def width(text: str) -> int:
    """Cells that `text` takes in a terminal."""
    return sum(map(_cluster_width, _clusters(text)))


def _clusters(text: str) -> Iterator[str]:
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or not _extends(text, start, index):
            yield text[start:index]
            start = index


def _extends(text: str, start: int, index: int) -> bool:
    """Whether the character at `index` belongs to the cluster that begins at `start`."""
    character, before = text[index], text[index - 1]
    if _JOINER in (character, before) or unicodedata.category(character) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    return _is_flag_half(character) and _is_flag_half(before) and (index - start) % 2 == 1


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _cluster_width(cluster: str) -> int:
    first = cluster[0]
    if unicodedata.category(first) in ("Cc", "Cf", "Mn", "Me"):
        return 0
    if unicodedata.east_asian_width(first) in ("W", "F") or _EMOJI_STYLE in cluster or _is_flag_half(first):
        return 2
    return 1
