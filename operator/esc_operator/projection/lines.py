"""Variables → lines of text: for shells, and for the tools that read `.env` files.

All or nothing: if one variable cannot be written, the text is empty, since a reader would not notice what is missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from esc_operator.projection.variables import bad_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
    from esc_operator.projection.variables import Variable

    Refuse = Callable[[Variable], str]

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")
_FILE_NAME = _NAME | frozenset(".-")

MAX_LINE: Final = 65_535
"""Bytes of a line that Docker and kubectl read; at a longer one kubectl drops the rest of the file without a word."""


def shell_lines(variables: Iterable[Variable]) -> tuple[str, Diagnostics]:
    """`export NAME='value'` lines that any POSIX shell reads back unchanged."""
    return _lines(variables, lambda variable: f"export {variable.name}={quote(variable.text)}\n", _NAME)


def fish_lines(variables: Iterable[Variable]) -> tuple[str, Diagnostics]:
    """`set -gx NAME 'value'` lines for fish, where a backslash counts within single quotes."""
    return _lines(variables, lambda variable: f"set -gx {variable.name} {_fish_quote(variable.text)}\n", _NAME)


def dotenv_lines(variables: Iterable[Variable]) -> tuple[str, Diagnostics]:
    """`NAME="value"` lines that Node's `--env-file`, npm's dotenv and python-dotenv read alike.

    Each of them reads quotes, backslashes, `#` and `${}` in a way of its own. Each value is written in a form that
    means the same to all of them; a value without such a form is refused.
    """
    return _lines(
        variables, lambda variable: f"{variable.name}={_dotenv_form(variable.text)}\n", _FILE_NAME, _unfit_for_dotenv
    )


def docker_lines(variables: Iterable[Variable]) -> tuple[str, Diagnostics]:
    """`NAME=value` lines for `docker run --env-file` and `kubectl create secret --from-env-file`: neither knows quotes,
    so a value is the rest of its line."""
    return _lines(variables, lambda variable: f"{variable.name}={variable.text}\n", _FILE_NAME, _unfit_for_docker)


def quote(text: str) -> str:
    """The text as one word of a POSIX shell."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# Forms of dotenv, as its three readers agree on them. Within quotes Node knows no backslash but that of `\\n` in double
# quotes, and python-dotenv knows many. Node and npm's end an unquoted value at any `#`.

_NOT_SIMPLE = re.compile(r"""["\\$`]""")
_NOT_SINGLE = re.compile(r"""'|\\(?:['\\]|\Z)""")
_NOT_DOUBLE = re.compile(r""""|\\(?:['"\\abfnrtv]|\Z)""")
_NOT_BARE = re.compile(r"""#|\A[ '"`]|\A\Z| \Z""")
_REPLACED = re.compile(r"\$\{[^}:]*(?::-[^}]*)?\}")
"""What python-dotenv takes for a reference to a variable, in quotes of any kind."""


def _dotenv_form(text: str) -> str | None:
    """The text in the form that all readers take for it; None if there is none."""
    return next(_dotenv_forms(text), None)


def _dotenv_forms(text: str) -> Iterator[str]:
    if text.isprintable() and not _NOT_SIMPLE.search(text):
        yield f'"{text}"'  # as upstream writes it
    if not _NOT_SINGLE.search(text):
        yield f"'{text}'"
    if not _NOT_DOUBLE.search(text):
        yield f'"{text}"'
    if text.isprintable() and not _NOT_BARE.search(text):
        yield text


_INSTEAD = "start the program with `esc run`, or use the format json"


def _unfit_for_dotenv(variable: Variable) -> str:
    text = variable.text
    if not _is_unicode(text):
        return "is not text in UTF-8, which readers of .env files need: start the program with `esc run`"
    if "\r" in text:
        return f"contains a carriage return, which Node drops from a .env file: remove it, or {_INSTEAD}"
    if _REPLACED.search(text):
        return f"contains a ${{...}}, which python-dotenv replaces and Node does not: {_INSTEAD}"
    if _dotenv_form(text) is None:
        return (
            "has quotes, backslashes or line breaks together that readers of .env files (Node, npm's dotenv, "
            f"python-dotenv) do not read alike: {_INSTEAD}"
        )
    return ""


def _unfit_for_docker(variable: Variable) -> str:
    text = variable.text
    if "\n" in text or "\r" in text:
        return (
            "contains a line break, which an env-file of Docker or kubectl cannot hold, since it knows no quotes: "
            "use a file of the environment (files), or `esc run`"
        )
    if not _is_unicode(text):
        return "is not text in UTF-8, which Docker and kubectl refuse: use a file of the environment (files)"
    if (size := len(f"{variable.name}={text}".encode())) > MAX_LINE:
        return (
            f"makes a line of {size} bytes, and Docker and kubectl read lines of up to {MAX_LINE} bytes: use a file of "
            "the environment (files)"
        )
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lines(
    variables: Iterable[Variable],
    line: Callable[[Variable], str],
    characters: frozenset[str],
    unfit: Refuse = lambda _: "",
) -> tuple[str, Diagnostics]:
    """`unfit` says why a value cannot be written in the format, or ""."""
    written: list[str] = []
    problems: list[Diagnostic] = []
    for variable in variables:
        # A name is never quoted: an invalid one would be a command to the shell.
        if problem := _bad_name(variable, characters) or bad_value(variable):
            problems.append(problem)
        elif why := unfit(variable):
            problems.append(variable.refuse_value(why))
        else:
            written.append(line(variable))
    return ("" if problems else "".join(written)), tuple(problems)


def _bad_name(variable: Variable, characters: frozenset[str]) -> Diagnostic | None:
    if variable.name[:1] in _LETTERS and characters.issuperset(variable.name):
        return None
    return variable.refuse_name('use letters, digits and "_", and do not start with a digit')
