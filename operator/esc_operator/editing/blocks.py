"""Literal blocks (`|`) in a text: how one is laid out, and how another content is put into the same layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.editing.spans import read_spans

if TYPE_CHECKING:
    from esc_operator.editing.spans import Span


class Block(NamedTuple):
    """A literal block: its first line, the indentation of its content, and where its content ends, the last line break
    and blank lines after it not counted.
    """

    header: str
    margin: str
    end: int


def read_block(text: str, span: Span) -> Block | None:
    """The layout of a scalar; None where it is no literal block, or one whose indentation is written in its header."""
    header, _, content = text[span.begin : span.end].partition("\n")
    body = content.rstrip("\r\n")
    margin = body[: len(body) - len(body.lstrip(" "))]
    if span.style != "|" or not margin or "\r" in content or any(character.isdigit() for character in header):
        return None
    if not body.rpartition("\n")[2].strip(" "):
        return None
    return Block(header, margin, span.begin + len(header) + 1 + len(body))


def write_block(block: Block, content: str, tail: str) -> str | None:
    """The block with another content, one level further out; `tail` follows it.

    None where it cannot hold the content.
    """
    margin = block.margin[2:]
    body = content.rstrip("\n").replace("\n", f"\n{margin}").replace(f"\n{margin}\n", "\n\n")
    written = f"{block.header}\n{margin}{body}"
    again = read_spans(f"key: {written}{tail}")
    value = again.entry("key") if again is not None else None
    return written if value is not None and value.text == content and margin else None
