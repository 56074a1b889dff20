"""Variables → the data of a Kubernetes Secret, for envFrom and for mounts."""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING

from esc_operator.lang.diagnostics import Diagnostic, Severity
from esc_operator.projection.variables import NUL_BYTE, bad_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from esc_operator.lang.diagnostics import Diagnostics
    from esc_operator.projection.variables import Variable

SECRET_TOO_LARGE = "SecretTooLarge"  # noqa: S105 - a reason, not a password
"""The values together exceed the size of a Secret."""

MAX_SIZE = 1 << 20
"""Bytes of all values together, as the API server counts them: decoded, and without the keys."""

_MAX_NAME = 253
_FIRST = frozenset("-._abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CHARACTERS = _FIRST | frozenset("0123456789")
_OFFENDERS = 3


def secret_data(variables: Iterable[Variable]) -> tuple[dict[str, str], Diagnostics]:
    """The Secret's `data` (base64), sorted by key, and the problems; of equal names the last variable counts.

    Files are keys like variables, for mounting. What is not known is left out. With any diagnostic the data is
    incomplete and must not be written.
    """
    chosen = {variable.name: variable for variable in variables if not variable.is_unknown}
    # A pod that takes the whole Secret into its environment cannot start if it contains a binary file.
    mixed = not all(variable.is_file for variable in chosen.values())
    problems = [problem for variable in chosen.values() if (problem := _problem(variable, mixed=mixed))]
    data = {name: variable.data() or b"" for name, variable in sorted(chosen.items())}
    if sum(map(len, data.values())) > MAX_SIZE:
        problems.append(_too_large(data, chosen))
    return {name: b2a_base64(value, newline=False).decode("ascii") for name, value in data.items()}, tuple(problems)


def _problem(variable: Variable, *, mixed: bool) -> Diagnostic | None:
    if problem := bad_name(variable) or bad_value(variable):
        return problem
    if mixed and variable.is_file and b"\0" in (variable.data() or b""):
        return variable.refuse_value(
            f"{NUL_BYTE}, and pods take a Secret with variables whole: put the file into an environment of its own"
        )
    return None


def bad_name(variable: Variable) -> Diagnostic | None:
    """Why a name cannot be both a Secret's key and an environment variable of a container, if so."""
    name = variable.name
    if not name:
        return variable.refuse_name("it is empty; give it one")
    if name[0] not in _FIRST or not _CHARACTERS.issuperset(name):
        return variable.refuse_name('use letters, digits, "_", "-" and ".", and do not start with a digit')
    if name == "." or name.startswith(".."):
        return variable.refuse_name('the key of a Secret must not be ".", nor start with ".."; rename it')
    if len(name) > _MAX_NAME:
        return variable.refuse_name(f"it is longer than {_MAX_NAME} characters; shorten it")
    return None


def _too_large(data: dict[str, bytes], variables: Mapping[str, Variable]) -> Diagnostic:
    """The error points to the largest one."""
    total = sum(map(len, data.values()))
    largest = sorted(data, key=lambda name: (-len(data[name]), name))[:_OFFENDERS]
    told = ", ".join(f"{variables[name].shown_name} ({len(data[name])} bytes)" for name in largest)
    summary = f"a Secret holds at most 1 MiB ({MAX_SIZE} bytes), and these variables have {total}; the largest: {told}"
    place = variables[largest[0]]
    return Diagnostic(Severity.ERROR, summary, place.path, place.range, SECRET_TOO_LARGE)
