"""What a check reports, and how it is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from esc_operator.evaluation import Failed
    from esc_operator.testing.trial import Trial


class Seen(NamedTuple):
    """What a check saw: in a case, an error with this reason and the message that a user gets; or a note."""

    case: str
    message: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one trial; calling it raises AssertionError, or returns what it saw. `kind` groups checks."""

    kind: str
    name: str
    trial: Trial
    call: Callable[[Trial], Sequence[Seen]]

    def __call__(self) -> Sequence[Seen]:
        return self.call(self.trial)

    @property
    def plugin_name(self) -> str:
        return str(self.trial.plugin().name)

    def __str__(self) -> str:
        title = f" ({self.trial.title})" if self.trial.title else ""
        return f"{self.plugin_name}{title}: {self.name}"


def error(case: str, failed: Failed) -> Seen:
    return Seen(case, failed.message, failed.reason)
