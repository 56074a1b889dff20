"""The syntax tree: scalars, sequences and mappings, each with its place.

Both front ends (YAML text and JSON-like data) build it, everything after them reads it. Nodes are not changed once
built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.formats.paths import Path, path_text
from esc_operator.lang.diagnostics import Diagnostic, Position, Range, Severity

if TYPE_CHECKING:
    from esc_operator.lang.graphemes import Ruler
    from esc_operator.lang.scalars import Scalar
    from esc_operator.lang.source import Source


class Node:
    """A place in a definition. Lines and columns count from 1; line 0 stands for data that never was a text."""

    __slots__ = ("column", "end_column", "end_line", "line", "path", "source")

    def __init__(self, source: Source, path: Path, line: int, column: int) -> None:
        self.source = source
        self.path = path
        self.line = line
        self.column = column
        self.end_line = line
        self.end_column = column

    @property
    def range(self) -> Range | None:
        if not self.line:
            return None
        position = self.source.position
        return Range(self.source.name, position(self.line, self.column), position(self.end_line, self.end_column))

    def error(self, summary: str, reason: str) -> Diagnostic:
        return Diagnostic(Severity.ERROR, summary, path_text(self.path), self.range, reason)

    def warning(self, summary: str, reason: str) -> Diagnostic:
        return Diagnostic(Severity.WARNING, summary, path_text(self.path), self.range, reason)


class ScalarNode(Node):
    """A scalar: `value` is what it means, `text` what it says.

    `inline` marks a plain scalar on one line, whose parts can be pointed at.
    """

    __slots__ = ("_ruler", "inline", "text", "value")

    def __init__(  # noqa: PLR0913, PLR0917  (made by the thousand, and a record of its place would cost as much again)
        self, source: Source, path: Path, line: int, column: int, value: Scalar, text: str, inline: bool
    ) -> None:
        # What Node does, without a call: nodes are made by the thousand.
        self.source, self.path, self.line, self.column = source, path, line, column
        self.end_line, self.end_column = line, column
        self.value: Final = value
        self.text: Final = text
        self.inline: Final = inline
        self._ruler: Ruler | None = None

    def part(self, begin: int, end: int) -> Range | None:
        """The range of `text[begin:end]`, or of the whole scalar where its parts have no place of their own."""
        if not self.line or not self.inline:
            return self.range
        start = self.source.position(self.line, self.column)
        return Range(self.source.name, self._moved(start, begin), self._moved(start, end))

    def _moved(self, start: Position, index: int) -> Position:
        cells = size = index
        if not self.text.isascii():
            if self._ruler is None:
                from esc_operator.lang.graphemes import Ruler

                self._ruler = Ruler(self.text)
            cells, size = self._ruler.before(index)
        return Position(start.line, start.column + cells, start.byte + size)

    def error_in(self, begin: int, end: int, summary: str, reason: str) -> Diagnostic:
        return Diagnostic(Severity.ERROR, summary, path_text(self.path), self.part(begin, end), reason)


class SequenceNode(Node):
    __slots__ = ("items",)

    def __init__(self, source: Source, path: Path, line: int, column: int) -> None:
        self.source, self.path, self.line, self.column = source, path, line, column
        self.end_line, self.end_column = line, column
        self.items: list[Node] = []


class MappingNode(Node):
    __slots__ = ("entries",)

    def __init__(self, source: Source, path: Path, line: int, column: int) -> None:
        self.source, self.path, self.line, self.column = source, path, line, column
        self.end_line, self.end_column = line, column
        self.entries: list[tuple[ScalarNode, Node]] = []
