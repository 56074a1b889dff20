"""A snapshot of the process, for metrics and probes: read from the parts of the process, never kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.handlers.kinds import KINDS
from esc_operator.reconciliation.workqueue.work_queue import Lane

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from esc_operator.driver.opener import Opener
    from esc_operator.handlers.kinds import Kinds
    from esc_operator.handlers.outdated import Outdated
    from esc_operator.kube.pulses import Pulses
    from esc_operator.reconciliation.controller.reconciler import Reconciler
    from esc_operator.reconciliation.rollouts.status import Rollouts
    from esc_operator.reconciliation.rotations.controller import RotationController


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Ages are seconds. `out_of_order`: endpoints of each provider. `watch_ages`: by the plural that is watched.
    `missing_kinds`: 1 for each kind that is not served, 0 for the others; `outdated_kinds`: the same for those whose
    definition is older than this version."""

    leads: bool
    working: int
    scheduled: int
    scheduler_age: float
    rolling: int
    rotating: int
    queue_depth: Mapping[str, float]
    watch_ages: Mapping[str, float]
    out_of_order: Mapping[str, float]
    missing_kinds: Mapping[str, float]
    outdated_kinds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SnapshotParts:
    """The parts of the process that a snapshot is read from."""

    reconciler: Reconciler
    opener: Opener
    rollouts: Rollouts
    rotations: RotationController
    pulses: Pulses
    kinds: Kinds
    outdated: Outdated


def take_snapshot(parts: SnapshotParts, *, leads: bool) -> Snapshot:
    """Take it. A standby has no ages: its scheduler and its watches have not started."""
    reconciler, queue = parts.reconciler, parts.reconciler.queue
    return Snapshot(
        leads=leads,
        working=queue.working,
        scheduled=len(reconciler.scheduler),
        scheduler_age=reconciler.scheduler.age.total_seconds() if leads else 0.0,
        rolling=parts.rollouts.under_way,
        rotating=parts.rotations.under_way,
        queue_depth={lane.value: queue.depth(lane) for lane in Lane},
        watch_ages=parts.pulses.silences() if leads else {},
        out_of_order=parts.opener.out_of_order(),
        missing_kinds=_flags(parts.kinds.missing) if leads else {},
        outdated_kinds=_flags(parts.outdated.kinds) if leads else {},
    )


def _flags(kinds: Collection[str]) -> dict[str, float]:
    """1 for each of these kinds, 0 for the others."""
    return {one.kind: float(one.kind in kinds) for one in KINDS.values()}
