"""Which warnings a status has, and the condition that shows them. Pure.

Some come from the evaluation, and stay until the next one. Others are about what is around the environment, and are
found anew by whoever looks at that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from esc_operator.lang.reasons import DUPLICATE_KEY, FINAL_VALUE, UNKNOWN_FIELD
from esc_operator.projection.leftovers import NOT_EXPORTED, NOT_FOR_SHELLS
from esc_operator.resources import reasons
from esc_operator.resources.conditions import WARNINGS, carry_transition_times
from esc_operator.resources.warnings import OBSERVED, describe_warnings, replace_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.warnings import StatusWarning

_ORDER = {
    reason: place
    for place, reason in enumerate(
        (
            UNKNOWN_FIELD,
            DUPLICATE_KEY,
            NOT_EXPORTED,
            reasons.NULL_LOST,
            reasons.NAMESPACES_MISSING,
            reasons.WORKLOADS_MISSING,
            FINAL_VALUE,
            NOT_FOR_SHELLS,
        )
    )
}
"""What is worst comes first: its reason stands for all of them."""


def evaluated_anew(known: Sequence[StatusWarning], found: Sequence[StatusWarning] | None) -> tuple[StatusWarning, ...]:
    """The warnings after an evaluation, which found those; None: there was no evaluation."""
    if found is None:
        return tuple(known)
    observed = (one for one in known if one.reason in OBSERVED)
    return replace_warnings((), (), (*found, *observed))


def with_warnings(environment: EscEnvironment, status: Status, old: Status, now: datetime) -> Status:
    """The status with its warnings in order, and the condition that shows them."""
    others = tuple(one for one in status.conditions if one.type != WARNINGS)
    warnings = tuple(sorted(status.warnings, key=lambda one: _ORDER.get(one.reason, len(_ORDER))))
    condition = describe_warnings(warnings, environment.generation)
    shown = carry_transition_times((condition,) if condition else (), old.conditions, now)
    return replace(status, conditions=(*others, *shown), warnings=warnings)
