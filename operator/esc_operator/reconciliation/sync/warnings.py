"""The warnings of a status, and the condition that shows them. Pure.

Some come from the evaluation, and stay until the next one. Others are about the surroundings of the environment, and
each look at these finds them again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from esc_operator.formats.phrases import first_of, printable
from esc_operator.lang.reasons import DUPLICATE_KEY, FINAL_VALUE, NUMBER_ROUNDED, UNKNOWN_FIELD
from esc_operator.projection.leftovers import NOT_EXPORTED, NOT_FOR_SHELLS
from esc_operator.resources import reasons
from esc_operator.resources.applied import find_lost_nulls
from esc_operator.resources.conditions import WARNINGS, carry_transition_times
from esc_operator.resources.warnings import OBSERVED, describe_warnings, make_warning, replace_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.warnings import StatusWarning

_NAMED = 3
"""How many paths a warning names."""

_LONGEST_PATH = 80

_ORDER = {
    reason: place
    for place, reason in enumerate(
        (
            UNKNOWN_FIELD,
            DUPLICATE_KEY,
            NOT_EXPORTED,
            reasons.NULL_LOST,
            NUMBER_ROUNDED,
            reasons.NAMESPACES_MISSING,
            reasons.WORKLOADS_MISSING,
            FINAL_VALUE,
            NOT_FOR_SHELLS,
        )
    )
}
"""The worst comes first: the condition has its reason."""


def evaluated_anew(known: Sequence[StatusWarning], found: Sequence[StatusWarning] | None) -> tuple[StatusWarning, ...]:
    """The warnings after an evaluation that `found` some; None: there was no evaluation."""
    if found is None:
        return tuple(known)
    observed = (one for one in known if one.reason in OBSERVED)
    return replace_warnings((), (), (*found, *observed))


def _with_nulls(environment: EscEnvironment, known: Sequence[StatusWarning]) -> tuple[StatusWarning, ...]:
    if environment.applied_mark and not environment.manifest:
        return tuple(known)  # it was left out with the definition
    lost = find_lost_nulls(environment.manifest, environment.source)
    return replace_warnings(known, {reasons.NULL_LOST}, [_nulls_lost(lost)] if lost else ())


def _nulls_lost(paths: Sequence[str]) -> StatusWarning:
    named = first_of(paths, _NAMED, _shown)
    what = "the null" if len(paths) == 1 else "these nulls"
    return make_warning(
        reasons.NULL_LOST,
        f"{named}: `kubectl apply` took {what} out of the object, so an import's value stays there, or the key "
        "is missing: write the definition as a text (spec.definition), or use `kubectl apply --server-side`",
    )


def _shown(path: str) -> str:
    """A path on one line; of a long one its end."""
    line = printable(path)
    return line if len(line) <= _LONGEST_PATH else f"…{line[1 - _LONGEST_PATH :]}"


def with_warnings(environment: EscEnvironment, status: Status, old: Status, now: datetime) -> Status:
    """The status with its warnings in order, and the condition that shows them."""
    others = tuple(one for one in status.conditions if one.type != WARNINGS)
    found = _with_nulls(environment, status.warnings)
    warnings = tuple(sorted(found, key=lambda one: _ORDER.get(one.reason, len(_ORDER))))
    condition = describe_warnings(warnings, environment.generation)
    carried = carry_transition_times((condition,) if condition else (), old.conditions, now)
    return replace(status, conditions=(*others, *carried), warnings=warnings)
