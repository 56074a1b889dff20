"""Variables → the environment of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.projection.variables import bad_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
    from esc_operator.projection.variables import Variable


def check_for_process(variables: Iterable[Variable]) -> Diagnostics:
    """Why these variables cannot be those of a process."""
    return tuple(problem for variable in variables if (problem := _bad_name(variable) or bad_value(variable)))


def _bad_name(variable: Variable) -> Diagnostic | None:
    if not variable.name:
        return variable.refuse_name("it is empty; give it one")
    if "=" in variable.name or "\0" in variable.name:
        return variable.refuse_name('it contains a "=" or a NUL; leave that out')
    try:
        variable.name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return variable.refuse_name("it contains half of a surrogate pair; leave that out")
    return None
