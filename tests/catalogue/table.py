"""Draws the table, and the lists below it. Pure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from catalogue.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from catalogue.rows import Row
    from catalogue.trying import Tried


def draw(rows: Sequence[Row]) -> str:
    """A line a row, in Markdown; the note of a row stands in its third column."""
    lines = [list(COLUMNS), *([row.kind, row.name, *_cells(row)] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(COLUMNS))]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]])


def draw_messages(messages: Mapping[str, Sequence[str]]) -> str:
    return "\n\n".join(f"{name}\n" + "\n".join(_wrapped(line) for line in lines) for name, lines in messages.items())


def draw_failed(tried: Sequence[Tried]) -> str:
    return "\n".join(f"FAILED {one.check}: {one.error}" for one in tried if one.error)


def _cells(row: Row) -> list[str]:
    if row.note:
        return [row.note, *[""] * (len(COLUMNS) - 3)]
    return [row.cells[column] for column in COLUMNS[2:]]


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 140, initial_indent="  ", subsequent_indent="      ", break_long_words=False)
