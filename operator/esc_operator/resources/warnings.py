"""Warnings in a status: what is probably not as its author meant it, although nothing has failed.

The condition Warnings repeats them for people. It is set only while there are any, and says nothing about Ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from esc_operator.resources import reasons
from esc_operator.resources.conditions import MAX_MESSAGE, WARNINGS, Condition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MAX_WARNINGS: Final = 16
"""How many warnings a status lists."""

LONGEST_WARNING: Final = 480
"""Characters of one warning's message."""

OBSERVED: Final = frozenset({reasons.NULL_LOST, reasons.WORKLOADS_MISSING, reasons.NAMESPACES_MISSING})
"""The kinds that do not come from an evaluation."""


class StatusWarning(NamedTuple):
    """What is wrong, where, and what to do, for people; never a value."""

    reason: str
    message: str

    def to_dict(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message}


def make_warning(reason: str, message: str) -> StatusWarning:
    short = message if len(message) <= LONGEST_WARNING else message[: LONGEST_WARNING - 1] + "…"
    return StatusWarning(reason, short)


def parse_warnings(items: Iterable[Mapping[str, Any]] | None) -> tuple[StatusWarning, ...]:
    return tuple(StatusWarning(item.get("reason") or "", item.get("message") or "") for item in items or ())


def replace_warnings(
    known: Sequence[StatusWarning], kinds: Collection[str], found: Iterable[StatusWarning]
) -> tuple[StatusWarning, ...]:
    """The warnings, with those of some kinds replaced by new findings."""
    kept = (one for one in known if one.reason not in kinds)
    return tuple(dict.fromkeys((*kept, *found)))[:MAX_WARNINGS]


def describe_warnings(warnings: Sequence[StatusWarning], generation: int) -> Condition | None:
    """The condition; None if there is no warning. Its reason is that of the first."""
    if not warnings:
        return None
    return Condition(WARNINGS, "True", warnings[0].reason, _message([one.message for one in warnings]), generation)


def _message(messages: Sequence[str]) -> str:
    """As many of them as fit, in one text."""
    if len(messages) == 1:
        return messages[0]
    text = f"{len(messages)} warnings:"
    for number, message in enumerate(messages, 1):
        part = f"{';' if number > 1 else ''} ({number}) {message}"
        more = f"; {len(messages) - number + 1} more are in status.warnings"
        if len(text) + len(part) + (len(more) if number < len(messages) else 0) > MAX_MESSAGE:
            return text + more
        text += part
    return text
