"""What an environment exports: variables, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.lang.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.declarations import Expression
    from esc_operator.lang.diagnostics import Range

VARIABLES = "environmentVariables"
FILES = "files"

INVALID_NAME = "InvalidVariableName"
"""The name cannot be one of a variable where it is needed."""

INVALID_VALUE = "InvalidVariableValue"
"""The value cannot be one of a variable."""


class Variable(NamedTuple):
    """One exported name. `text` may be a secret and never shows in `repr`.

    `is_file` marks the content of a file, whose path the variable is to hold. `definition` is what its value was
    written as, for messages. `hides_name`: the name was read from a secret, and no message repeats it.
    """

    name: str
    text: str
    is_secret: bool = False
    is_file: bool = False
    definition: Expression | None = None
    hides_name: bool = False

    def __repr__(self) -> str:
        return f"<Variable {self.told}>"

    @property
    def told(self) -> str:
        """The name as messages have it."""
        return "(a name from a secret)" if self.hides_name else f'"{_shown(self.name)}"'

    @property
    def range(self) -> Range | None:
        """Where the value was written; None where there is no text."""
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
        """The text in bytes; None where no bytes stand for it (half of a surrogate pair)."""
        try:
            return self.text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None

    def refuse_name(self, why: str) -> Diagnostic:
        """An error about the name."""
        kind = "file" if self.is_file else "variable"
        return self._error(f"{self.told} cannot be the name of a {kind}: {why}", INVALID_NAME)

    def refuse_value(self, why: str) -> Diagnostic:
        """An error about the value; `why` must not quote it."""
        return self._error(f"the value of {self.told} {why}", INVALID_VALUE)

    def _error(self, summary: str, reason: str) -> Diagnostic:
        return Diagnostic(Severity.ERROR, summary, self.path, self.range, reason)


def exported(environment: Value) -> tuple[Variable, ...]:
    """All that an environment exports: its variables sorted by name, then its files; of one name the last counts.

    As upstream has it, arrays and objects among them are not exported, null is the empty text, and what is unknown
    (in a check) is the text `[unknown]`.
    """
    return (*_exported(environment, is_file=False), *_exported(environment, is_file=True))


def _exported(environment: Value, *, is_file: bool) -> Iterator[Variable]:
    from esc_operator.evaluation.text import to_text

    group = environment.properties.get(FILES if is_file else VARIABLES)
    hides = group is not None and any(one.is_secret for one in (group, *group.bases))
    for name, value in sorted(group.properties.items() if group else ()):
        if not (value.is_array or value.is_object):
            text = to_text(value)
            yield Variable(name, text.text, text.is_secret or value.is_secret, is_file, value.definition, hides)


NUL_BYTE = "holds a NUL byte, which no variable can carry"
NOT_TEXT = "holds half of a surrogate pair, which cannot be written as UTF-8"


def bad_value(variable: Variable) -> Diagnostic | None:
    """Why a value cannot be exported anywhere, if so. A file may hold NUL bytes."""
    data = variable.data()
    if data is None:
        return variable.refuse_value(NOT_TEXT)
    if not variable.is_file and b"\0" in data:
        return variable.refuse_value(NUL_BYTE)
    return None


def _shown(name: str) -> str:
    """A name fit for a message: on one line, and not endless."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 80 else printable[:79] + "…"
