"""What a stage says about a definition: positions, ranges, diagnostics and their order.

Every stage of the core returns `(result, diagnostics)`; nothing a user writes makes one raise. A diagnostic never
quotes a secret.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from esc_operator.errors import FailedPart
from esc_operator.formats.spelling import Known


class Position(NamedTuple):
    """A place in a text: `line` and `column` count from 1 (columns in characters), `byte` from 0."""

    line: int
    column: int
    byte: int


class Range(NamedTuple):
    """A stretch of the named environment's text, `end` exclusive."""

    environment: str
    begin: Position
    end: Position


class Severity(StrEnum):
    """An error makes `open` fail; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Failed(NamedTuple):
    """What the outside world answered instead of a result.

    `message` is shown to people as it stands and must hold no secret. `reason` is CamelCase and wins over the
    evaluator's own. `retry_after` is in seconds, where the outside named one. `outage` and `throttled` are what a
    provider has declared (`errors.ProviderError`). `wanted` is the name that does not exist, `known` are names that
    do and that the reader may read: the end of the message is made of them. `parts` are told instead of the message,
    each at the input that it names.
    """

    message: str
    reason: str = ""
    retry_after: float | None = None
    outage: bool = False
    throttled: bool = False
    wanted: str = ""
    known: Known | None = None
    parts: tuple[FailedPart, ...] = ()


class Diagnostic(NamedTuple):
    """One finding: how bad, what, and where.

    `path` is a document path (`values.a["b-c"][0]`), `range` is None where there is no text to point into. `reason` is
    one of `reasons`, or the foreign one; it and `cause` (the failed answer behind this finding) take no part in
    comparison. `environment` is the import that it was found in, "" for the requested environment; without a
    text, nothing else says so. `through` is the import that leads to it, if no environment of the root's own place
    names the environment that it is about: only the author of that import may read about it. `detail` is more for
    people to read: `summary` has the words of upstream.
    """

    severity: Severity
    summary: str
    path: str
    range: Range | None = None
    reason: str = ""
    cause: Failed | None = None
    environment: str = ""
    through: str = ""
    detail: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Diagnostic) and self[:4] == other[:4]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:4])

    @property
    def text(self) -> str:
        """What people read."""
        return f"{self.summary}; {self.detail}" if self.detail else self.summary

    @property
    def is_error(self) -> bool:
        return self.severity == Severity.ERROR


Diagnostics = tuple[Diagnostic, ...]


def in_order(diagnostics: Iterable[Diagnostic]) -> Diagnostics:
    """The diagnostics as they are shown: those without a range first, then by environment and place; the same set
    is always in one order.
    """
    return tuple(sorted(diagnostics, key=_place))


def _place(diagnostic: Diagnostic) -> tuple[bool, str, int, int, str, str]:
    where = diagnostic.range
    if where is None:
        return (False, diagnostic.environment, 0, 0, diagnostic.path, diagnostic.summary)
    return (True, where.environment, where.begin.line, where.begin.column, diagnostic.path, diagnostic.summary)
