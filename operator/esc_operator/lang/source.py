"""The text behind a definition, and where in it a line and a column are.

Ranges are asked for far less often than they are noted down, so the line index is built on the first question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.lang.diagnostics import Position

if TYPE_CHECKING:
    from esc_operator.lang.graphemes import Ruler


class Source:
    """A named definition; `data` is its text as UTF-8, or None where it never was a text (a Kubernetes object)."""

    __slots__ = ("_data", "_lines", "_rulers", "name")

    def __init__(self, name: str, data: bytes | None) -> None:
        self.name: Final = name
        self._data = data
        self._lines: list[int] | None = None
        self._rulers: dict[int, Ruler] = {}

    def position(self, line: int, column: int) -> Position:
        """The position of a 1-based line and column.

        Columns past the end of a line stop at its last byte if it is not ASCII.
        """
        return Position(line, column, self._byte(line, column))

    def _byte(self, line: int, column: int) -> int:
        # Upstream gives byte 0 to every position on a last line without a newline; here it is the true offset.
        data, starts = self._data or b"", self._line_starts()
        if not 0 < line <= len(starts):
            return len(data)
        start = starts[line - 1]
        end = starts[line] - 1 if line < len(starts) else len(data)
        content = data[start:end]
        if content.isascii():
            return start + column - 1
        return start + self._ruler(line, content).bytes_of(column - 1)

    def _ruler(self, line: int, content: bytes) -> Ruler:
        """The measure of a line that is not ASCII, made once."""
        if line not in self._rulers:
            from esc_operator.lang.graphemes import Ruler

            self._rulers[line] = Ruler(content.decode(errors="replace"))
        return self._rulers[line]

    def _line_starts(self) -> list[int]:
        if self._lines is None:
            data, starts = self._data or b"", [0]
            found = data.find(b"\n")
            while found >= 0:
                starts.append(found + 1)
                found = data.find(b"\n", found + 1)
            self._lines = starts
        return self._lines
