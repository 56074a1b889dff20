"""Variables whose values were not told: who opens an environment in a service may not see all of it. Pure.

A Secret without them would look complete, so there is none: its last values stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.lang.diagnostics import Diagnostic, Failed, Severity
from esc_operator.lang.document import EXPORTS
from esc_operator.projection.variables import exported
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.evaluation import Value

_ADVICE: Final = (
    "Pulumi Cloud does not show it to the access token: let the token open all that it is made of, or leave the "
    "variable out"
)


def unseen_exports(environment: Value) -> tuple[Diagnostic, ...]:
    """An error for each variable or file that is not known, in an environment that was opened."""
    return tuple(_unseen(environment))


def _unseen(environment: Value) -> Iterator[Diagnostic]:
    for name in EXPORTS:
        group = environment.member(name)
        if group is not None and group.is_unknown:
            yield _error(f"values.{name}", f"the value of {name} is not known: {_ADVICE}")
    for variable in exported(environment):
        if variable.is_unknown:
            yield _error(variable.path, f"the value of {variable.shown_name} is not known: {_ADVICE}")


def _error(path: str, message: str) -> Diagnostic:
    # It is retried: a change of a permission there is not observed here.
    cause = Failed(message, reasons.VALUE_NOT_VISIBLE)
    return Diagnostic(Severity.ERROR, message, path, None, reasons.VALUE_NOT_VISIBLE, cause)
