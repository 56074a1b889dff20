"""The findings of the service, as diagnostics. Pure.

What of a finding cannot be read is left out: the rest says more than a failure about a damaged answer would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from esc_operator.formats.phrases import printable
from esc_operator.lang.diagnostics import Diagnostic, Position, Range, Severity
from esc_operator.providers.answers import without_secrets
from esc_operator.stores.pulumi import reasons
from esc_operator.stores.pulumi.answers import DamagedError, Fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.lang.diagnostics import Diagnostics

_MOST: Final = 100
"""How many findings are read."""

_LONGEST_NAME: Final = 300

_NO_SUMMARY: Final = "the service found an error, and does not say which"


def read_diagnostics(found: Sequence[Any]) -> Diagnostics:
    """The first hundred findings, in the service's order. Positions are those of the environment's own text."""
    return tuple(_diagnostic(each) for each in found[:_MOST])


def _diagnostic(found: Any) -> Diagnostic:
    data = found if isinstance(found, dict) else {}
    severity = Severity.WARNING if data.get("severity") == Severity.WARNING.value else Severity.ERROR
    return Diagnostic(
        severity,
        _shown(data.get("summary")) or _NO_SUMMARY,
        _name(data.get("path")),
        _range(data.get("range")),
        reason=reasons.DEFINITION_HAS_ERRORS,
        detail=_shown(data.get("detail")),
    )


def _range(found: Any) -> Range | None:
    try:
        fields = Fields(found)
        begin = _position(fields.required_object("begin"))
        end = fields.object("end")
        # Older services leave the name out where it is the environment that was asked for.
        return Range(_name(fields.text("environment", "")), begin, _position(end) if end else begin)
    except DamagedError:
        return None


def _position(fields: Fields) -> Position:
    return Position(fields.whole("line"), fields.whole("column"), fields.whole("byte", 0))


def _shown(text: object) -> str:
    return printable(without_secrets(text)) if isinstance(text, str) else ""


def _name(text: object) -> str:
    """A path or an environment: no secret, though a long one looks like a key."""
    return printable(text[:_LONGEST_NAME]) if isinstance(text, str) else ""
