"""Takes secrets out of a stream of bytes, whatever chunks it comes in. Pure: bytes in, bytes out.

Invariant: no byte of any occurrence of a form is ever given out, and nothing is held back longer than it could still be
the beginning of one; of a form longer than its head, never more than the head.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from esc_operator.cli.forms import Form
    from esc_operator.evaluation.values import Value

TOKEN = b"[secret]"

# The automaton looks for so many bytes, and Python for the rest: with short keys it stays in a processor's cache.
_KEY = 12

# A table of all transitions is the fastest automaton, and takes a kilobyte for each byte of the keys.
_MAX_TABLE = 1 << 17


def secrets_of(value: Value) -> Matcher:
    """What finds the secrets that an environment holds."""
    from esc_operator.cli.forms import forms
    from esc_operator.projection.secrets import secret_texts

    return Matcher(forms(secret_texts(value)))


# A long secret that repeats itself could be met at every byte of it: beyond so many, the heads alone are hidden.
_MAX_FOLLOWED = 1000


class Matcher:
    """Finds where forms begin; shared by all streams of a command."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._longer: dict[bytes, list[Form]] = {}
        heads: set[bytes] = set()
        for form in forms:
            if form.head:
                heads.add(form.head)
            if form.blocks is not None:
                self._longer.setdefault(form.head, []).append(form)
        self._heads = sorted(heads)
        self._longest = max(map(len, self._heads), default=0)
        # Nearly all ends of a chunk are told from the beginning of a head by their first four bytes.
        self._starts = {head[:size] for head in self._heads for size in range(1, 5) if len(head) > size}
        keys, self._groups = _group(self._heads)
        self._automaton = _build(keys) if keys else None

    def occurrences(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Where heads stand, and the longest that stands there; in no order."""
        if self._automaton is None:
            return
        for group, start, _ in self._automaton.find_matches_as_indexes(data, overlapping=True):
            for head in self._groups[group]:
                if data.startswith(head, start):
                    yield start, head
                    break

    def longer(self, head: bytes) -> Sequence[Form]:
        """The forms that go on after this head."""
        return self._longer.get(head, ())

    def hold_from(self, data: bytes) -> int:
        """The first position from which the data may be the beginning of a head that goes on in the next chunk."""
        heads, starts, size = self._heads, self._starts, len(data)
        for position in range(max(0, size - self._longest + 1), size):
            if data[position : position + 4] in starts:
                tail = data[position:]
                following = bisect_right(heads, tail)
                if following < len(heads) and heads[following].startswith(tail):
                    return position
        return size


class _Followed(NamedTuple):
    """A form that has been met as far as the data goes: so much of its block, and the blocks after that."""

    block: bytes
    met: int
    rest: Iterator[bytes]


class Redactor:
    """Redacts one stream. Occurrences that overlap become one token."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._held = b""
        # So many of the first held bytes belong to a token that has been given out already.
        self._covered = 0
        self._followed: list[_Followed] = []

    def feed(self, chunk: bytes) -> bytes:
        """What can be shown once this chunk is there too."""
        data = self._held + chunk if self._held else chunk
        return self._give(data, self._matcher.hold_from(data))

    def finish(self) -> bytes:
        """What is left at the end of the stream."""
        return self._give(self._held, len(self._held))

    def _give(self, data: bytes, cut: int) -> bytes:
        """Redact everything before `cut` and hold the rest."""
        begun = self._go_on(data)
        spans = sorted(self._spans(data, cut))
        self._held = data[cut:]
        if not (spans or begun):
            return data[:cut]
        shown: list[bytes] = []
        position = begun
        for start, end in spans:
            if start >= position:
                shown += (data[position:start], TOKEN)
            position = max(position, end)
        shown.append(data[position:cut])
        self._covered = max(0, position - cut)
        return b"".join(shown)

    def _go_on(self, data: bytes) -> int:
        """How much of the data belongs to a token that has been given out; follow the long forms in what is new."""
        covered = self._covered
        self._covered = 0
        followed, self._followed = self._followed, []
        for form in followed:
            covered = max(covered, self._follow(form, data, len(self._held)))
        return covered

    def _spans(self, data: bytes, cut: int) -> Iterator[tuple[int, int]]:
        for start, head in self._matcher.occurrences(data):
            # What begins after the cut is found once more with the next chunk.
            if start < cut:
                end = start + len(head)
                for form in self._matcher.longer(head):
                    if form.blocks and len(self._followed) < _MAX_FOLLOWED:
                        end = max(end, self._follow(_Followed(b"", 0, form.blocks()), data, start))
                yield start, end

    def _follow(self, form: _Followed, data: bytes, position: int) -> int:
        """The end of what the data, from a position on, has in common with a form; remember it where both may go on."""
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


def _group(heads: Sequence[bytes]) -> tuple[list[bytes], list[list[bytes]]]:
    """Keys of which none begins another, so that one at most is found at a place; the heads of each, longest first."""
    keys: list[bytes] = []
    groups: list[list[bytes]] = []
    for head in heads:
        if not keys or not head.startswith(keys[-1]):
            keys.append(head[:_KEY])
            groups.append([])
        groups[-1].append(head)
    for group in groups:
        group.sort(key=len, reverse=True)
    return keys, groups


def _build(keys: Sequence[bytes]) -> Any:
    # Loaded only where there is something to find.
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    small = sum(map(len, keys)) <= _MAX_TABLE
    return BytesAhoCorasick(keys, implementation=Implementation.DFA if small else Implementation.ContiguousNFA)


def _common(one: bytes, other: bytes) -> int:
    """How many bytes two texts begin with alike."""
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
