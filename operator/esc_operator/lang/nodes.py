"""The syntax tree: scalars, sequences and mappings, each with its place.

Both front ends (YAML text and JSON-like data) build it, everything after them reads it. Nodes are not changed once
built.
"""

from typing import Final

from esc_operator.lang.diagnostics import Diagnostic, Range, Severity
from esc_operator.lang.paths import Path, path_text
from esc_operator.lang.scalars import Scalar
from esc_operator.lang.source import Source


class Node:
    """A place in a definition. Lines and columns count from 1; line 0 stands for data that never was a text."""

    __slots__ = ("column", "end_column", "end_line", "line", "path", "source")

    def __init__(self, source: Source, path: Path, line: int, column: int) -> None:
        self.source: Final = source
        self.path: Final = path
        self.line: Final = line
        self.column: Final = column
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

    __slots__ = ("inline", "text", "value")

    def __init__(  # noqa: PLR0913, PLR0917  (made by the thousand, and a record of its place would cost as much again)
        self, source: Source, path: Path, line: int, column: int, value: Scalar, text: str, *, inline: bool
    ) -> None:
        super().__init__(source, path, line, column)
        self.value: Final = value
        self.text: Final = text
        self.inline: Final = inline

    def part(self, begin: int, end: int) -> Range | None:
        """The range of `text[begin:end]`, or of the whole scalar where its parts have no place of their own."""
        if not self.line or not self.inline:
            return self.range
        from esc_operator.lang.graphemes import width

        start = self.source.position(self.line, self.column)
        first, last = self.text[:begin], self.text[:end]
        return Range(
            self.source.name,
            start._replace(column=start.column + width(first), byte=start.byte + len(first.encode())),
            start._replace(column=start.column + width(last), byte=start.byte + len(last.encode())),
        )

    def error_in(self, begin: int, end: int, summary: str, reason: str) -> Diagnostic:
        return Diagnostic(Severity.ERROR, summary, path_text(self.path), self.part(begin, end), reason)


class SequenceNode(Node):
    __slots__ = ("items",)

    def __init__(self, source: Source, path: Path, line: int, column: int) -> None:
        super().__init__(source, path, line, column)
        self.items: list[Node] = []


class MappingNode(Node):
    __slots__ = ("entries",)

    def __init__(self, source: Source, path: Path, line: int, column: int) -> None:
        super().__init__(source, path, line, column)
        self.entries: list[tuple[ScalarNode, Node]] = []
