"""Variables → lines of text: for a shell, and for the tools that read `.env` files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.projection.variables import bad_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
    from esc_operator.projection.variables import Variable

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")
_DOTENV_NAME = _NAME | frozenset(".-")

# Within double quotes these are special to a shell, and to some readers of .env files.
_SPECIAL = frozenset('"\\$`')


def shell_lines(variables: Iterable[Variable]) -> tuple[str, Diagnostics]:
    """`export NAME='value'` lines that any POSIX shell reads back unchanged."""
    return _lines(variables, lambda variable: f"export {variable.name}={quote(variable.text)}\n", _NAME)


def dotenv_lines(variables: Iterable[Variable]) -> tuple[str, Diagnostics]:
    """`NAME="value"` lines.

    When a shell reads upstream's Go quoting, values with `$`, backticks or newlines change; single quotes preserve
    them in shells and in the common readers.
    """
    return _lines(variables, lambda variable: f"{variable.name}={_dotenv_quote(variable.text)}\n", _DOTENV_NAME)


def quote(text: str) -> str:
    """The text as one word of a POSIX shell."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _dotenv_quote(text: str) -> str:
    if text.isprintable() and not _SPECIAL.intersection(text):
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    escaped = "".join(f"\\{character}" if character in _SPECIAL else character for character in text)
    return f'"{escaped}"'


def _lines(
    variables: Iterable[Variable], line: Callable[[Variable], str], characters: frozenset[str]
) -> tuple[str, Diagnostics]:
    written: list[str] = []
    problems: list[Diagnostic] = []
    for variable in variables:
        # A name is never quoted: an invalid one would be a command to the shell.
        if problem := _bad_name(variable, characters) or bad_value(variable):
            problems.append(problem)
        else:
            written.append(line(variable))
    return "".join(written), tuple(problems)


def _bad_name(variable: Variable, characters: frozenset[str]) -> Diagnostic | None:
    if variable.name[:1] in _LETTERS and characters.issuperset(variable.name):
        return None
    return variable.refuse_name('use letters, digits and "_", and do not start with a digit')
