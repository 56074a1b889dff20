"""The text behind a definition, and where in it a line and a column are.

Ranges are asked for far less often than they are noted down, so the line index is built on the first question.
"""

from typing import Final

from esc_operator.lang.diagnostics import Position


class Source:
    """A named definition; `data` is its text as UTF-8, or None where it never was a text (a Kubernetes object)."""

    __slots__ = ("_data", "_lines", "name")

    def __init__(self, name: str, data: bytes | None) -> None:
        self.name: Final = name
        self._data = data
        self._lines: list[int] | None = None

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
        from esc_operator.lang.graphemes import prefix_bytes

        return start + prefix_bytes(content.decode(errors="replace"), column - 1)

    def _line_starts(self) -> list[int]:
        if self._lines is None:
            data, starts = self._data or b"", [0]
            found = data.find(b"\n")
            while found >= 0:
                starts.append(found + 1)
                found = data.find(b"\n", found + 1)
            self._lines = starts
        return self._lines
