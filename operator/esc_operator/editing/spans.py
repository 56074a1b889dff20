"""YAML text → the spans of its nodes: what the passes that edit a text in place need.

Everything outside a replaced span stays as it is, byte for byte; comments and layout with it. Offsets count characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from yaml import CBaseLoader, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(slots=True, eq=False)
class Span:
    """A node's place. `kind` is `scalar`, `sequence` or `mapping`; a mapping's children are keys and values in turn.

    `text` is what a scalar says and `style` how it is written (`|`, `>`, `'`, `"` or nothing); `is_string` says that it
    is a string whatever it says.
    """

    kind: str
    begin: int
    end: int
    column: int
    text: str = field(default="", repr=False)
    style: str = ""
    is_string: bool = False
    is_flow: bool = False
    children: list[Span] = field(default_factory=list)

    def entries(self) -> Iterator[tuple[Span, Span]]:
        """A mapping's keys and values."""
        if self.kind == "mapping":
            yield from zip(self.children[::2], self.children[1::2], strict=True)

    def entry(self, key: str) -> Span | None:
        """The value under a key."""
        return next((value for found, value in self.entries() if found.text == key and found.kind == "scalar"), None)

    def walk(self) -> Iterator[Span]:
        """The node and everything in it, in the order of the text."""
        waiting = [self]
        while waiting:
            span = waiting.pop()
            yield span
            waiting.extend(reversed(span.children))


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of `text[begin:end]`."""

    begin: int
    end: int
    replacement: str = field(repr=False)


def read_spans(text: str) -> Span | None:
    """The first document's root, or None where there is none or the text is no YAML."""
    body = text.removeprefix(_BYTE_ORDER_MARK)
    reader = _Reader(len(text) - len(body))
    try:
        reader.read(CBaseLoader(body.encode("utf-8", "surrogatepass")))
    except YAMLError:
        return None
    return reader.root


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text with every edit made; edits must not overlap."""
    pieces: list[str] = []
    offset = 0
    for edit in sorted(edits, key=lambda found: found.begin):
        pieces += (text[offset : edit.begin], edit.replacement)
        offset = edit.end
    return "".join((*pieces, text[offset:]))


class _Reader:
    def __init__(self, shift: int) -> None:
        self.root: Span | None = None
        self._shift = shift
        self._open: list[Span] = []

    def read(self, parser: CBaseLoader) -> None:
        while True:
            event: Any = parser.get_event()
            kind = type(event)
            if kind is ScalarEvent or kind is AliasEvent:
                self._place(self._leaf(event))
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                span = self._span("mapping" if kind is MappingStartEvent else "sequence", event)
                span.is_flow = bool(event.flow_style)
                self._place(span)
                self._open.append(span)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is DocumentEndEvent or kind is StreamEndEvent:
                return

    def _span(self, kind: str, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(kind, start.index + self._shift, end.index + self._shift, start.column)

    def _leaf(self, event: Any) -> Span:
        span = self._span("scalar" if isinstance(event, ScalarEvent) else "alias", event)
        if isinstance(event, ScalarEvent):
            span.text = event.value
            span.style = event.style or ""
            span.is_string = bool(span.style) and event.tag in (None, "!")
        return span

    def _place(self, span: Span) -> None:
        if self._open:
            self._open[-1].children.append(span)
        else:
            self.root = span

    def _close(self, event: Any) -> None:
        """A block collection ends where its last child does: its end event comes at the next token."""
        span = self._open.pop()
        if span.is_flow:
            span.end = event.end_mark.index + self._shift
        elif span.children:
            span.end = span.children[-1].end
