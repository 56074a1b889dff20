"""Which bytes of a form's head are searched for: its needle. Pure.

An automaton is fast while it stays at its root: only the rows of its table that are used all the time stay in the
processor's cache. So a needle starts with the rarest bytes of its head, wherever they are in it. However many needles
there are, they then start alike, and a program's output rarely matches such a start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Letters and digits alone distinguish more: twelve bytes of an escape may be only two characters.
_SIZE = 12
_PLAIN_SIZE = 8

# The bytes of logs, the most frequent first; all other bytes are rarer. Digits come first, so that hexadecimal is found
# by its letters: in any log, a digit often follows a digit, and rarely an `f`.
_COMMON = b" 0123456789etaoinsr:-./\"=,_hldcumpgwyvkfbxTIEANSROL()[]{}'<>;\n\r\tqjzCMPUGHBDFWVYK+*$@!?&|%\\#^~`JXQZ"
_FREQUENCY = bytes(255 - _COMMON.index(byte) if byte in _COMMON else 0 for byte in range(256))


def needles_of(heads: Iterable[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """Needles of which none is a prefix of another, so that at most one is found at a position; for each, its offset in
    a head and that head's size, at the same offset the largest first.

    The needles are sorted: those with a common prefix are then close together in the automaton's table.
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
    """Where the rarest bytes of a head start, and as many of them as distinguish it well enough."""
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
