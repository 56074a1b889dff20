"""Targets of a rollout that match no workload. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.formats.phrases import first_of
from esc_operator.reconciliation.rollouts.plan import is_meant
from esc_operator.resources import reasons
from esc_operator.resources.warnings import StatusWarning, make_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.resources.environment import Rollout, RolloutTarget
    from esc_operator.resources.workloads import Workload

_NAMED = 5
"""How many targets a warning names."""


def missing_targets(rollout: Rollout, workloads: Sequence[Workload]) -> tuple[RolloutTarget, ...]:
    """The targets that match no workload."""
    return tuple(target for target in rollout.targets if not any(is_meant(target, one) for one in workloads))


def warn_of_missing(targets: Sequence[RolloutTarget], namespace: str) -> tuple[StatusWarning, ...]:
    """The warning about targets that match no workload of the namespace, if there are any."""
    if not targets:
        return ()
    named = first_of(targets, _NAMED, _describe_target)
    one = len(targets) == 1
    message = (
        f"spec.rollout.targets: {named} {'does' if one else 'do'} not exist in namespace {namespace}, and so "
        f"{'it is' if one else 'they are'} not rolled: correct kind, name or labels, or create it, which the operator "
        "notices"
    )
    return (make_warning(reasons.WORKLOADS_MISSING, message),)


def _describe_target(target: RolloutTarget) -> str:
    if target.name:
        return f'{target.kind} "{target.name}"'
    labels = ",".join(f"{key}={value}" for key, value in sorted(target.labels.items()))
    return f"{target.kind} with labels {labels}"
