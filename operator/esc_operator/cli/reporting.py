"""Diagnostics for people: where, how severe, what, and the lines they point at."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING

from esc_operator.lang.excerpts import HiddenLines, excerpt, hidden_lines
from esc_operator.lang.reasons import INVALID_YAML

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from esc_operator.cli.redaction import Matcher
    from esc_operator.cli.sources import Sources
    from esc_operator.lang.diagnostics import Diagnostic, Range

_LONGEST_LINE = 160


def report(diagnostics: Iterable[Diagnostic], sources: Sources, secrets: Matcher | None = None) -> None:
    """Write the diagnostics to stderr. `secrets` finds what to redact."""
    sys.stderr.write("".join(render(diagnostics, sources, secrets)))


def render(diagnostics: Iterable[Diagnostic], sources: Sources, secrets: Matcher | None = None) -> Iterator[str]:
    texts = {name: _Text(text) for name, text in sources.texts.items()}
    for diagnostic in diagnostics:
        yield f"{_place(diagnostic, sources)}{diagnostic.severity.value}: {diagnostic.text}\n"
        where = diagnostic.range
        if where and where.environment in texts:
            yield _excerpt(texts[where.environment], where, secrets)


def _place(diagnostic: Diagnostic, sources: Sources) -> str:
    """`file:line:column: `, with the environment in place of a file if there is none, or the document path if there is
    no text to point into."""
    where = diagnostic.range
    name = where.environment if where else diagnostic.environment or sources.root
    file = sources.files.get(name, "")
    if where:
        return f"{file or name}:{where.begin.line}:{where.begin.column}: "
    if file and diagnostic.reason == INVALID_YAML and (found := excerpt(sources.texts[name], None)):
        return f"{file}:{found.line}:{found.column}: "
    parts = (file or diagnostic.environment, diagnostic.path)
    return "".join(f"{part}: " for part in parts if part)


class _Text:
    """A text, which is read once for all diagnostics that point into it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def hidden(self) -> HiddenLines:
        return hidden_lines(self._text)

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.replace("\r\n", "\n").split("\n")

    def line(self, number: int) -> str:
        """A line, counted from 1; "" where there is none."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""


def _excerpt(text: _Text, where: Range, secrets: Matcher | None) -> str:
    """The first line of a range, with carets under the range."""
    number, column = where.begin.line, where.begin.column - 1
    line = text.line(number)
    shown = _redact(line, secrets)
    # A line that holds a plaintext secret is not repeated even to its author: output ends up in CI logs.
    if not line.strip() or shown != line or len(line) > _LONGEST_LINE or text.hidden.hides(number):
        return ""
    end = where.end.column - 1 if where.end.line == number else len(line)
    # Tabs stay tabs, so that the carets are in the right place whatever the width of a tab.
    lead = "".join(character if character == "\t" else " " for character in line[:column])
    margin = f"{number:>5} | "
    return f"{margin}{line}\n{' ' * (len(margin) - 2)}| {lead}{'^' * max(1, min(end, len(line)) - column)}\n"


def _redact(line: str, secrets: Matcher | None) -> str:
    if secrets is None:
        return line
    from esc_operator.cli.redaction import Redactor

    redactor = Redactor(secrets)
    data = line.encode("utf-8", "surrogatepass")
    return b"".join((redactor.feed(data), redactor.finish())).decode("utf-8", "surrogatepass")
