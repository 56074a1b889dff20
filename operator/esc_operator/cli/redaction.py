"""Redacts secrets in a stream of bytes, whatever its chunks are. Pure: bytes in, bytes out, unchanged where they hold
no secret.

Invariant: no byte of any occurrence of a form is ever written, and bytes are held back only while they could still be
the beginning of one; of a form longer than its head, never more than the head.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.cli.needles import needles_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from esc_operator.cli.forms import Form
    from esc_operator.evaluation.values import Value

TOKEN = b"[secret]"

# A table of all transitions is the fastest automaton, and takes half a kilobyte for each byte of the needles.
_MAX_TABLE = 1 << 17

# A long secret that repeats itself could match at each of its bytes: beyond this many, only the heads are hidden.
_MAX_FOLLOWED = 1000

# This many bytes nearly always show whether the end of a chunk is the beginning of a head.
_START = 4


def secrets_of(value: Value) -> Matcher:
    """The matcher for the secrets of an environment."""
    from esc_operator.cli.forms import forms
    from esc_operator.projection.secrets import secret_texts

    return Matcher(forms(secret_texts(value)))


class Matcher:
    """Finds where forms start; shared by all streams of a command."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._longer: dict[bytes, list[Form]] = {}
        self._heads: set[bytes] = set()
        for form in forms:
            if form.head:
                self._heads.add(form.head)
            if form.blocks is not None:
                self._longer.setdefault(form.head, []).append(form)
        self._ends = _Ends(sorted(self._heads))
        needles = needles_of(self._heads)
        self._places = list(needles.values())
        self._automaton = _build(list(needles), fast=sum(map(len, needles)) <= _MAX_TABLE) if needles else None

    def occurrences(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The positions of heads, and the longest head of each needle there; in no order."""
        if self._automaton is None:
            return
        for number, found, _ in self._automaton.find_matches_as_indexes(data, overlapping=True):
            last = -1
            for offset, size in self._places[number]:
                start = found - offset
                if start >= 0 and start != last and (head := data[start : start + size]) in self._heads:
                    last = start
                    yield start, head

    def longer(self, head: bytes) -> Sequence[Form]:
        """The forms that continue after this head."""
        return self._longer.get(head, ())

    def hold_from(self, data: bytes) -> int:
        """The first position from which the data may be the beginning of a head that continues in the next chunk."""
        return self._ends.hold_from(data)


class _Ends:
    """Finds where, at the end of a chunk, a head may begin.

    It is used once a chunk, when little of it is in the processor's cache: so it should touch little memory.
    """

    def __init__(self, heads: Sequence[bytes]) -> None:
        """The heads, sorted."""
        self._longest = max(map(len, heads), default=0)
        self._within_lines = b"\n" not in b"".join(heads)
        grouped = {start: list(group) for start, group in groupby(heads, lambda head: head[:_START])}
        self._beginnings = {start[:size] for start in grouped for size in range(1, len(start))}
        starts = {start: group for start, group in grouped.items() if len(group[-1]) > _START}
        self._begun = list(starts.values())
        self._automaton = _build(list(starts), fast=False) if starts else None

    def hold_from(self, data: bytes) -> int:
        """See Matcher."""
        size = len(data)
        end = data[max(0, size - self._longest + 1) :]
        if self._within_lines:
            end = end[end.rfind(b"\n") + 1 :]
        if self._automaton is not None:
            for number, start, _ in self._automaton.find_matches_as_indexes(end, overlapping=True):
                begun, heads = end[start:], self._begun[number]
                following = bisect_right(heads, begun)
                if following < len(heads) and heads[following].startswith(begun):
                    return size - len(begun)
        for left in range(min(_START - 1, len(end)), 0, -1):
            if end[-left:] in self._beginnings:
                return size - left
        return size


class _Followed(NamedTuple):
    """A form that matches up to the end of the data: how much of its block has matched, and the blocks after it."""

    block: bytes
    met: int
    rest: Iterator[bytes]


class Redactor:
    """Redacts one stream. Occurrences that overlap become one token."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._held = b""
        # How many of the first held bytes belong to a token that has already been written.
        self._covered = 0
        self._followed: list[_Followed] = []

    def feed(self, chunk: bytes) -> memoryview:
        """What can be shown once this chunk has been read."""
        data = self._held + chunk if self._held else chunk
        return self._give(data, self._matcher.hold_from(data))

    def finish(self) -> memoryview:
        """What is left at the end of the stream."""
        return self._give(self._held, len(self._held))

    def _give(self, data: bytes, cut: int) -> memoryview:
        """Redact everything before `cut` and hold the rest."""
        begun = self._go_on(data)
        spans = sorted(self._spans(data, cut))
        self._held = data[cut:]
        if not (spans or begun):
            return memoryview(data)[:cut]
        shown: list[bytes] = []
        position = begun
        for start, end in spans:
            if start >= position:
                shown += (data[position:start], TOKEN)
            position = max(position, end)
        shown.append(data[position:cut])
        self._covered = max(0, position - cut)
        return memoryview(b"".join(shown))

    def _go_on(self, data: bytes) -> int:
        """How much of the data belongs to a token that has already been written; follow the long forms in the new
        data."""
        covered = self._covered
        self._covered = 0
        followed, self._followed = self._followed, []
        for form in followed:
            covered = max(covered, self._follow(form, data, len(self._held)))
        return covered

    def _spans(self, data: bytes, cut: int) -> Iterator[tuple[int, int]]:
        for start, head in self._matcher.occurrences(data):
            # What starts after the cut is found again with the next chunk.
            if start < cut:
                end = start + len(head)
                for form in self._matcher.longer(head):
                    if form.blocks and len(self._followed) < _MAX_FOLLOWED:
                        end = max(end, self._follow(_Followed(b"", 0, form.blocks()), data, start))
                yield start, end

    def _follow(self, form: _Followed, data: bytes, position: int) -> int:
        """The end of what the data, from a position on, has in common with a form, which is remembered if both may
        continue."""
        block, met, rest = form
        while True:
            if met == len(block):
                following = next(rest, None)
                if following is None:
                    return position
                block, met = following, 0
                continue
            part = data[position : position + len(block) - met]
            if not part:
                self._followed.append(_Followed(block, met, rest))
                return position
            same = _common(part, block[met : met + len(part)])
            position += same
            if same < len(part):
                return position
            met += same


def _build(texts: Sequence[bytes], *, fast: bool) -> Any:
    # Loaded only if there is something to find.
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    return BytesAhoCorasick(texts, implementation=Implementation.DFA if fast else Implementation.ContiguousNFA)


def _common(one: bytes, other: bytes) -> int:
    """The length of the common prefix of two texts, in bytes."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
