"""The line of a text that a diagnostic is about, for people: unless it holds a plaintext secret.

Owns which lines of a definition may be shown. Invariant: no line is shown that a call of `fn::secret` has a part of,
nor one of which that is not certain because the text is not YAML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from yaml import CBaseLoader, YAMLError
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

if TYPE_CHECKING:
    from esc_operator.lang.diagnostics import Position

LONGEST: Final = 120
"""Characters of an excerpt."""

_SECRET: Final = "fn::secret"  # noqa: S105 - the language's word
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for libyaml, which counts them."""


def reading_units(text: str) -> int:
    """What it costs to find an excerpt, in units of a budget (`lang.budget`): half of them a character is an upper
    bound for the shortest values."""
    return len(text) // 2


class Excerpt(NamedTuple):
    """A place in a text, from 1, and its line without what surrounds it; "" where the line must not be shown."""

    line: int
    column: int
    text: str
    is_indented_by_tab: bool = False


def excerpt(text: str, place: Position | None) -> Excerpt | None:
    """The line at that place; without a place, the one where the text ceases to be YAML, or None."""
    hidden = hidden_lines(text)
    if place is None and hidden.error is None:
        return None
    line, column = (place.line, place.column) if place else hidden.error or (0, 0)
    shown = line_of(text, line)
    by_tab = "\t" in shown[: len(shown) - len(shown.lstrip())]
    return Excerpt(line, column, "" if hidden.hides(line) else _cut(shown, column), by_tab)


def line_of(text: str, line: int) -> str:
    """A line, counted from 1; "" where there is none."""
    lines = _BREAK.split(text)
    return lines[line - 1] if 0 < line <= len(lines) else ""


class HiddenLines(NamedTuple):
    """The first and the last line of each secret, from 1, and where the text ceases to be YAML."""

    spans: list[tuple[int, int]]
    rest: int | None
    error: tuple[int, int] | None

    def hides(self, line: int) -> bool:
        """Whether a line, counted from 1, holds a plaintext secret, as far as can be known."""
        if self.rest is not None and line >= self.rest:
            return True
        return any(first <= line <= last for first, last in self.spans)


class _Frame:
    """A collection that is not complete. `key` is the last key of a mapping, and its line, until its value is there."""

    __slots__ = ("is_mapping", "key")

    def __init__(self, *, is_mapping: bool) -> None:
        self.is_mapping = is_mapping
        self.key: tuple[str, int] | None = None


class _Search:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.spans: list[tuple[int, int]] = []
        self.reached = 0
        self._frames: list[_Frame] = []

    def take(self, event: Any) -> None:
        self.reached = event.start_mark.line
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._frames.append(_Frame(is_mapping=isinstance(event, MappingStartEvent)))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._frames.pop()
            self._complete("", event)
        else:
            self._complete(event.value if isinstance(event, ScalarEvent) else "", event)

    def _complete(self, text: str, event: Any) -> None:
        """A node is complete: a key, a value, or an item."""
        frame = self._frames[-1] if self._frames else None
        if frame is None or not frame.is_mapping:
            return
        if frame.key is None:
            frame.key = (text, event.start_mark.line)
            return
        key, begin = frame.key
        frame.key = None
        if key.casefold() == _SECRET:
            self.spans.append((begin + 1, max(begin, self._last_line(event.end_mark)) + 1))

    def _last_line(self, end: Any) -> int:
        """The last line, from 0, with a part of a value: the end of a block is where the next token begins."""
        before = self._lines[end.line][: end.column] if end.line < len(self._lines) else ""
        return int(end.line if before.strip() else end.line - 1)

    @property
    def open_secret(self) -> int | None:
        """The line, from 1, of the outermost secret that is not complete."""
        keys = (frame.key for frame in self._frames)
        return next((key[1] + 1 for key in keys if key is not None and key[0].casefold() == _SECRET), None)


def hidden_lines(text: str) -> HiddenLines:
    """Reads the whole text: once for all lines that are asked for."""
    lines = _BREAK.split(text)
    search = _Search(lines)
    try:
        parser = CBaseLoader(text.encode("utf-8", "surrogatepass"))
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, _NODES):
                search.take(event)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = (mark.line + 1, mark.column + 1) if mark else None
        return HiddenLines(search.spans, search.open_secret or _unread_secret(lines, search.reached), place)
    return HiddenLines(search.spans, None, None)


_NODES: Final = (MappingStartEvent, MappingEndEvent, SequenceStartEvent, SequenceEndEvent, ScalarEvent, AliasEvent)


def _unread_secret(lines: list[str], reached: int) -> int | None:
    """The first line, from 1, with a secret in what the parser has not delivered: it reads ahead of its events."""
    unread = enumerate(lines[reached:], reached + 1)
    return next((number for number, line in unread if _SECRET in line.casefold()), None)


def _cut(line: str, column: int) -> str:
    """The part of a line around a column that people need."""
    shown = line.strip()
    if len(shown) <= LONGEST:
        return shown
    indent = len(line) - len(line.lstrip())
    begin = max(0, min(column - 1 - indent - LONGEST // 2, len(shown) - LONGEST))
    end = begin + LONGEST
    return ("…" if begin else "") + shown[begin:end] + ("…" if end < len(shown) else "")
