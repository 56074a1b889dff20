"""Diagnostics for people: where, how severe, what, and the lines they point at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from esc_operator.lang.excerpts import shows_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from esc_operator.cli.redaction import Matcher
    from esc_operator.lang.diagnostics import Diagnostic, Range

_LONGEST_LINE = 160


def report(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], secrets: Matcher | None = None) -> None:
    """Write the diagnostics to stderr. `texts` are the definitions by environment; `secrets` finds what to redact."""
    sys.stderr.write("".join(render(diagnostics, texts, secrets)))


def render(
    diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], secrets: Matcher | None = None
) -> Iterator[str]:
    for diagnostic in diagnostics:
        yield f"{_place(diagnostic)}{diagnostic.severity.value}: {diagnostic.text}\n"
        where = diagnostic.range
        if where and where.environment in texts:
            yield _excerpt(texts[where.environment], where, secrets)


def _place(diagnostic: Diagnostic) -> str:
    """`environment:line:column: `, or the document path if there is no text to point into."""
    where = diagnostic.range
    if where:
        return f"{where.environment}:{where.begin.line}:{where.begin.column}: "
    parts = (diagnostic.environment, diagnostic.path)
    return "".join(f"{part}: " for part in parts if part)


def _excerpt(text: str, where: Range, secrets: Matcher | None) -> str:
    """The first line of a range, with carets under the range."""
    lines = text.replace("\r\n", "\n").split("\n")
    number, column = where.begin.line, where.begin.column - 1
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    shown = _redact(line, secrets)
    # A line that holds a plaintext secret is not repeated even to its author: output ends up in CI logs.
    if not line.strip() or shown != line or len(line) > _LONGEST_LINE or shows_secret(text, number):
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
