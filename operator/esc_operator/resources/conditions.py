"""Conditions, by the Kubernetes API conventions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from esc_operator.formats.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

ConditionStatus = Literal["True", "False", "Unknown"]

READY = "Ready"
"""The Secret holds what this generation of the environment evaluates to, and none of it has expired."""

REFRESHED = "Refreshed"
"""The last attempt to obtain values succeeded."""

ROLLED_OUT = "RolledOut"
"""Every workload that takes the Secret runs with its current values. Only if rollouts are enabled."""

LIFETIME_TOO_SHORT = "LifetimeTooShort"
"""A warning, set only while it is True: credentials expire too soon for the rollouts that they cause."""

WARNINGS = "Warnings"
"""Something is probably not as its author meant it (`resources.warnings`). Set only while it is True."""

# The API server's own limit for a condition's message is 32 KiB; people read far less.
MAX_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `message` is shown to users unchanged."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    observed_generation: int
    last_transition_time: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": shorten(self.message),
            "observedGeneration": self.observed_generation,
            **({"lastTransitionTime": format_time(self.last_transition_time)} if self.last_transition_time else {}),
        }


def parse_condition(data: Mapping[str, Any]) -> Condition:
    return Condition(
        type=data["type"],
        status=data.get("status", "Unknown"),
        reason=data.get("reason", ""),
        message=data.get("message", ""),
        observed_generation=data.get("observedGeneration", 0),
        last_transition_time=parse_time(data.get("lastTransitionTime")),
    )


def find_condition(conditions: Iterable[Condition], kind: str) -> Condition | None:
    return next((condition for condition in conditions if condition.type == kind), None)


def carry_transition_times(new: Iterable[Condition], old: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    """The new conditions; lastTransitionTime changes only if the status does."""
    known = {condition.type: condition for condition in old}

    def carried(condition: Condition) -> Condition:
        before = known.get(condition.type)
        if before and before.status == condition.status and before.last_transition_time:
            return replace(condition, last_transition_time=before.last_transition_time)
        return replace(condition, last_transition_time=now)

    return tuple(carried(condition) for condition in new)


def shorten(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
