"""The variables and files that an environment exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.formats.phrases import printable
from esc_operator.lang.diagnostics import Diagnostic, Severity
from esc_operator.lang.document import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.declarations import Expression
    from esc_operator.lang.diagnostics import Range

VARIABLES, FILES = EXPORTS

INVALID_NAME = "InvalidVariableName"
"""The name is not valid for a variable of the target."""

INVALID_VALUE = "InvalidVariableValue"
"""The value is not valid for a variable."""


class Variable(NamedTuple):
    """One exported name. `text` may be a secret and never shows in `repr`.

    `is_file` marks the content of a file; the variable holds its path. `definition` is the expression of its value,
    for messages. `hides_name`: the name was read from a secret, and no message repeats it. `is_unknown`: the text only
    stands for a value that is not known.
    """

    name: str
    text: str
    is_secret: bool = False
    is_file: bool = False
    definition: Expression | None = None
    hides_name: bool = False
    is_unknown: bool = False

    def __repr__(self) -> str:
        return f"<Variable {self.shown_name}>"

    @property
    def shown_name(self) -> str:
        """The name as messages show it."""
        return "(a name from a secret)" if self.hides_name else f'"{shown(self.name)}"'

    @property
    def range(self) -> Range | None:
        """Where the value is defined; None if there is no text."""
        return self.definition.range if self.definition else None

    @property
    def path(self) -> str:
        """The document path of the value, as in diagnostics."""
        if self.definition:
            return self.definition.path
        from esc_operator.formats.paths import join_key

        group = f"values.{FILES if self.is_file else VARIABLES}"
        return group if self.hides_name else join_key(group, self.name)

    def data(self) -> bytes | None:
        """The text in bytes; None if it cannot be encoded (half of a surrogate pair)."""
        try:
            return self.text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None

    def refuse_name(self, why: str) -> Diagnostic:
        """An error about the name."""
        kind = "file" if self.is_file else "variable"
        return self._error(f"{self.shown_name} cannot be the name of a {kind}: {why}", INVALID_NAME)

    def refuse_value(self, why: str) -> Diagnostic:
        """An error about the value; `why` must not quote it."""
        return self._error(f"the value of {self.shown_name} {why}", INVALID_VALUE)

    def _error(self, summary: str, reason: str) -> Diagnostic:
        return Diagnostic(Severity.ERROR, summary, self.path, self.range, reason)


def exported(environment: Value) -> tuple[Variable, ...]:
    """Everything that an environment exports: variables sorted by name, then files; of equal names the last counts.

    As upstream, arrays and objects are not exported, null is the empty text, and an unknown value (in a check) is the
    text `[unknown]`.
    """
    return (*_exported(environment, is_file=False), *_exported(environment, is_file=True))


def may_export(environment: Value) -> bool:
    """Whether there are variables or files, or may be where something is not known."""
    groups = [environment, *(group for name in EXPORTS if (group := environment.properties.get(name)))]
    parts = (value for group in groups[1:] for value in group.properties.values())
    return any(group.is_unknown for group in groups) or any(not (one.is_array or one.is_object) for one in parts)


def _exported(environment: Value, *, is_file: bool) -> Iterator[Variable]:
    from esc_operator.evaluation.text import to_text

    group = environment.properties.get(FILES if is_file else VARIABLES)
    hides = group is not None and hides_names(group)
    for name, value in sorted(group.properties.items() if group else ()):
        if not (value.is_array or value.is_object):
            text = to_text(value)
            is_secret = text.is_secret or value.is_secret
            yield Variable(name, text.text, is_secret, is_file, value.definition, hides, text.is_unknown)


def hides_names(group: Value) -> bool:
    """Whether the names of its parts were read from a secret."""
    return any(one.is_secret for one in (group, *group.bases))


NUL_BYTE = "contains a NUL byte, which no variable can hold"
NOT_TEXT = "contains half of a surrogate pair, which cannot be written as UTF-8; remove it"


def bad_value(variable: Variable) -> Diagnostic | None:
    """Why a value cannot be exported anywhere, if so. A file may hold NUL bytes."""
    data = variable.data()
    if data is None:
        return variable.refuse_value(NOT_TEXT)
    if not variable.is_file and b"\0" in data:
        return variable.refuse_value(NUL_BYTE)
    return None


def shown(name: str) -> str:
    """A name for a message: on one line, and shortened."""
    line = printable(name)
    return line if len(line) <= 80 else line[:79] + "…"
