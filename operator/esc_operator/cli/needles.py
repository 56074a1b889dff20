"""Which bytes of a form's head are looked for: its needle. Pure.

An automaton is fast while it stays at its root: only the rows of its table that are met all the time stay in the
processor's cache. So a needle begins with the rarest bytes of its head, wherever they stand in it. However many needles
there are, they then begin alike, and what a program prints seldom begins like one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Letters and digits alone tell more: twelve bytes of an escape may stand for two characters.
_SIZE = 12
_PLAIN_SIZE = 8

# What logs are made of, by how often it is met, as far as it is; any other byte is rarer. Digits come first, so that
# hexadecimal is looked for by its letters: after a digit stands another one in any log, after `f` seldom.
_COMMON = b" 0123456789etaoinsr:-./\"=,_hldcumpgwyvkfbxTIEANSROL()[]{}'<>;\n\r\tqjzCMPUGHBDFWVYK+*$@!?&|%\\#^~`JXQZ"
_FREQUENCY = bytes(255 - _COMMON.index(byte) if byte in _COMMON else 0 for byte in range(256))


def needles_of(heads: Iterable[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """Needles of which none begins another, so that one at most is found at a place; of each, its offset in a head and
    that head's size, at one offset the largest first.

    The needles are sorted: what begins alike is then close together in the automaton's table.
    """
    windows: dict[bytes, set[tuple[int, int]]] = {}
    for head in heads:
        start, window = _rarest(head)
        windows.setdefault(window, set()).add((start, len(head)))
    found: dict[bytes, set[tuple[int, int]]] = {}
    needle = b""
    for window in sorted(windows):
        if needle and window.startswith(needle):
            found[needle] |= windows[window]
        else:
            needle = window
            found[needle] = windows[window]
    return {needle: sorted(places, reverse=True) for needle, places in found.items()}


def _rarest(head: bytes) -> tuple[int, bytes]:
    """Where the rarest bytes of a head begin, and as many of them as tell enough."""
    frequency = head.translate(_FREQUENCY)
    size = _PLAIN_SIZE if head.isalnum() else _SIZE
    end = max(1, len(head) - size + 1)
    least = min(frequency[:end])
    rarest = start = frequency.index(least)
    while (start := frequency.find(least, start + 1, end)) >= 0:
        if frequency[start : start + size] < frequency[rarest : rarest + size]:
            rarest = start
    window = head[rarest : rarest + _PLAIN_SIZE]
    return rarest, window if window.isalnum() else head[rarest : rarest + _SIZE]
