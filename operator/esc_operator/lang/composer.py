"""YAML text → syntax tree, from libyaml's events and our own reading of scalars.

The tree is built with a stack of our own: libyaml's events are safe at any depth, a recursive composer is not. That of
PyYAML is one, and its resolver reads YAML 1.1.
"""

from typing import Any, Final

from yaml import CBaseLoader, YAMLError
from yaml.composer import ComposerError
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
from yaml.scanner import ScannerError

from esc_operator.formats.paths import Path, long_path, path_text
from esc_operator.lang import reasons
from esc_operator.lang.budget import SHORT, Budget, node_units, text_units, weight
from esc_operator.lang.diagnostics import Diagnostic, Diagnostics, Severity
from esc_operator.lang.findings import READING, Findings
from esc_operator.lang.nodes import MappingNode, Node, ScalarNode, SequenceNode
from esc_operator.lang.numbers import Number
from esc_operator.lang.scalars import Scalar, is_word, resolve_plain, resolve_tagged, short_tag
from esc_operator.lang.source import Source

_NOT_FINITE: Final = frozenset(("NaN", "+Inf", "-Inf"))


def compose(name: str, data: bytes, budget: Budget) -> tuple[Node | None, Diagnostics]:
    """The first document's root node, or None where there is none or where anything is wrong with it. Raises
    what the budget raises.
    """
    most = budget.limits.document_bytes
    if len(data) > most:
        over = len(data) - most
        return None, (_limit(f"the definition is larger than {most} bytes, by {over}: split it, and import the parts"),)
    composer = _Composer(Source(name, data), budget)
    try:
        composer.read(CBaseLoader(data))
    except YAMLError as error:
        return None, (_syntax_error(error),)
    if composer.diagnostics.found:
        return None, tuple(composer.diagnostics.found)
    return composer.root, ()


class _Composer:
    def __init__(self, source: Source, budget: Budget) -> None:
        self.root: Node | None = None
        self.diagnostics = Findings(budget)
        self._source = source
        self._budget = budget
        self._levels = budget.limits.levels
        self._longest_path = budget.limits.path
        self._open: list[SequenceNode | MappingNode] = []
        self._keys: list[ScalarNode | None] = []
        self._reach = [0]
        self._anchors: set[str] = set()

    def read(self, parser: CBaseLoader) -> None:
        """Takes events up to the end of the first document; what follows it is not looked at."""
        get_event, nested, reach = parser.get_event, self._open, self._reach
        while True:
            event: Any = get_event()
            kind = type(event)
            if kind is ScalarEvent:
                self._place(self._scalar(event))
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close()
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._begin(event, MappingNode if kind is MappingStartEvent else SequenceNode)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentEndEvent or kind is StreamEndEvent:
                return
            if len(nested) > self._levels:
                self.diagnostics.append(_limit(f"the definition is nested more than {self._levels} levels deep"))
                return
            if reach[-1] > self._longest_path:
                self.diagnostics.append(_limit(long_path(self._longest_path)))
                return

    def _begin(self, event: Any, kind: type[SequenceNode] | type[MappingNode]) -> None:
        if event.anchor is not None:
            self._anchors.add(event.anchor)
        mark = event.start_mark
        node = kind(self._source, self._path_of_next(""), mark.line + 1, mark.column + 1)
        self._open.append(node)
        self._keys.append(None)
        self._reach.append(self._reach[-1])

    def _close(self) -> None:
        node = self._open.pop()
        self._keys.pop()
        self._reach.pop()
        last = (
            (node.entries[-1][1] if node.entries else None)
            if isinstance(node, MappingNode)
            else next(reversed(node.items), None)
        )
        if last is not None:
            node.end_line, node.end_column = last.end_line, last.end_column
        self._place(node)

    def _place(self, node: Node) -> None:
        """Hands a finished node to the collection it stands in."""
        parent = self._open[-1] if self._open else None
        if type(parent) is MappingNode:
            key = self._keys[-1]
            if key is None:
                key = self._keys[-1] = self._key(node)
                text = key.text
                size = len(text)
                if size >= SHORT and (units := text_units(weight(text))):
                    self._pay(units)
                self._reach[-1] = self._reach[-2] + size
                return
            self._pay(node_units(node))
            parent.entries.append((key, node))
            self._keys[-1] = None
            return
        self._pay(node_units(node))
        if type(parent) is SequenceNode:
            parent.items.append(node)
        else:
            self.root = node

    def _pay(self, units: int) -> None:
        if not self._budget.pay(units):
            self._budget.charge(units, READING)

    def _key(self, node: Node) -> ScalarNode:
        if type(node) is ScalarNode and type(node.value) is str:
            return node
        # A key without a text, such as a list, adds nothing to the path.
        parent = self._open[-1]
        place = node if isinstance(node, ScalarNode) and node.text else parent
        summary, path = "mapping keys must be strings", path_text(place.path)
        self.diagnostics.append(Diagnostic(Severity.ERROR, summary, path, node.range, reasons.INVALID_YAML))
        return ScalarNode(node.source, (parent.path, ""), node.line, node.column, "", "", False)

    def _path_of_next(self, text: str) -> Path:
        """The path of the node that begins now; a key has the path of its entry, so `text` is what a scalar says."""
        if not self._open:
            return ""
        key = self._keys[-1]
        if key is not None:
            return key.path
        parent = self._open[-1]
        return (parent.path, len(parent.items) if type(parent) is SequenceNode else text)

    def _scalar(self, event: Any) -> ScalarNode:
        text: str = event.value
        anchor, written_tag, style, start = event.anchor, event.tag, event.style, event.start_mark
        line, column = start.line + 1, start.column + 1
        end_column = column + (len(text) if text.isascii() else len(text.encode()))
        path = self._path_of_next(text)
        if anchor is None and not written_tag and not style:
            # The commonest case needs fewer calls.
            value, problem = (text, None) if is_word(text) else self._meaning(text, "")
            node = ScalarNode(self._source, path, line, column, value, text, start.line == event.end_mark.line)
            node.end_column = end_column
        else:
            if anchor is not None:
                self._anchors.add(anchor)
            plain = not style
            tag = short_tag(written_tag) if written_tag and written_tag != "!" else ""
            value, problem = self._meaning(text, tag) if plain or tag else (text, None)
            inline = plain and not tag and anchor is None and start.line == event.end_mark.line
            node = ScalarNode(self._source, path, line, column, value, text, inline)
            node.end_column = end_column
            if tag and plain:
                node.end_column += len(tag) + 1
            elif style == "|" and not tag:
                breaks = text.count("\n")
                node.end_line = line + breaks
                node.end_column = column + len(text.rpartition("\n")[2].encode())
        if problem is not None:
            self.diagnostics.append(node.error(problem, reasons.INVALID_YAML))
        return node

    def _meaning(self, text: str, tag: str) -> tuple[Scalar, str | None]:
        value, problem = resolve_tagged(tag, text) if tag else (resolve_plain(text), None)
        if isinstance(value, Number) and value.text in _NOT_FINITE:
            # Upstream keeps these as numbers whose JSON encoding then fails for every reader.
            return None, f"yaml: cannot represent {text} as a number"
        return value, problem

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise ComposerError(problem=f"unknown anchor '{event.anchor}' referenced")
        mark = event.start_mark
        node = ScalarNode(
            self._source,
            self._path_of_next(event.anchor),
            mark.line + 1,
            mark.column + 1,
            event.anchor,
            event.anchor,
            False,
        )
        node.end_column += len(event.anchor)
        self.diagnostics.append(node.error("alias nodes are not supported", reasons.INVALID_YAML))
        self._place(node)


def _limit(summary: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, summary, "", None, reasons.LIMIT_EXCEEDED)


def _syntax_error(error: YAMLError) -> Diagnostic:
    """libyaml's finding in yaml.v3's form: its line is that of the enclosing context, counted from 0 except for
    scanner errors.
    """
    problem = (
        getattr(error, "problem", None) or getattr(error, "reason", None) or "unknown problem parsing YAML content"
    )
    line = _line(error, "context_mark") or _line(error, "problem_mark")
    if line and isinstance(error, ScannerError):
        line += 1
    where = f"line {line}: " if line else ""
    return Diagnostic(Severity.ERROR, f"yaml: {where}{problem}", "", None, reasons.INVALID_YAML)


def _line(error: YAMLError, mark: str) -> int:
    found = getattr(error, mark, None)
    return int(found.line) if found is not None else 0
