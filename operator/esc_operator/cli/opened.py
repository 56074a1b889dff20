"""An environment that a command has opened, with its diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import EscError
from esc_operator.projection.variables import exported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.cli.sources import Sources
    from esc_operator.evaluation.values import Value
    from esc_operator.lang.diagnostics import Diagnostic
    from esc_operator.projection.variables import Variable


class NotOpenedError(EscError):
    """An environment has errors, which were already reported."""

    default_reason = "InvalidDefinition"


class OpenedEnvironment:
    """An opened environment, and what its diagnostics point into."""

    def __init__(self, value: Value, sources: Sources) -> None:
        self.value = value
        self._sources = sources

    def variables(self) -> tuple[Variable, ...]:
        """What a command gets of it; a value that is not known is left out, as it is of a Secret."""
        return tuple(each for each in exported(self.value) if not each.is_unknown)

    def report(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Write diagnostics to stderr."""
        if found := tuple(diagnostics):
            from esc_operator.cli.redaction import secrets_of
            from esc_operator.cli.reporting import report

            report(found, self._sources, secrets_of(self.value) if self.value.contains_secrets else None)
