"""How many terminal cells a text takes: columns inside an interpolation are counted this way.

An approximation of Unicode's grapheme clusters good enough for marks, joiners, variation selectors, flags and wide
scripts; upstream uses the uniseg library.
"""

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"


def width(text: str) -> int:
    """Cells that `text` takes in a terminal."""
    return len(text) if text.isascii() else sum(_cluster_width(cluster) for cluster in _clusters(text))


def prefix_bytes(text: str, cells: int) -> int:
    """UTF-8 bytes of the shortest run of whole clusters that fills `cells`, or of all of `text`."""
    taken = seen = 0
    for cluster in _clusters(text):
        if seen >= cells:
            break
        seen += _cluster_width(cluster)
        taken += len(cluster.encode())
    return taken


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
