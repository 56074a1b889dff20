"""Putting a value into a definition's text: where a rotation's new state is written back.

Only the value at the path changes; everything else, comments included, stays byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.editing.spans import Edit, apply_edits, read_spans
from esc_operator.editing.writing import write_data, write_flow, write_string
from esc_operator.lang.access import parse_access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.editing.spans import Span
    from esc_operator.editing.writing import Data


def patch_text(text: str, path: str, data: Data) -> str | None:
    """The text with `data` at a document path (`values.a["fn::rotate"].state`).

    The last key of the path may be new; None where the rest leads nowhere.
    """
    keys, _ = parse_access(path)
    root = read_spans(text)
    if not keys or root is None:
        return None
    parent = _find(root, keys[:-1])
    if parent is None:
        return None
    target = _child(parent, keys[-1])
    edit = _insert(text, parent, str(keys[-1]), data) if target is None else _replace(text, target, data)
    return None if edit is None else apply_edits(text, [edit])


def _find(span: Span | None, keys: Sequence[str | int]) -> Span | None:
    for key in keys:
        span = _child(span, key) if span is not None else None
    return span


def _child(span: Span, key: str | int) -> Span | None:
    if isinstance(key, str):
        return span.entry(key)
    return span.children[key] if span.kind == "sequence" and 0 <= key < len(span.children) else None


def _replace(text: str, target: Span, data: Data) -> Edit:
    """A block stays a block at its column; anything else is replaced on its line."""
    if target.kind != "scalar" and not target.is_flow:
        end = len(text[: target.end].rstrip())
        return Edit(target.begin, end, write_data(data, target.column).lstrip())
    return Edit(target.begin, target.end, write_flow(data))


def _insert(text: str, parent: Span, key: str, data: Data) -> Edit | None:
    """A new last entry."""
    if parent.kind != "mapping":
        return None
    if parent.is_flow:
        separator = ", " if parent.children else ""
        return Edit(parent.end - 1, parent.end - 1, f"{separator}{write_string(key)}: {write_flow(data)}")
    end = len(text[: parent.end].rstrip())
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    return Edit(line_end, line_end, f"\n{' ' * parent.column}{write_string(key)}:{write_data(data, parent.column + 2)}")
