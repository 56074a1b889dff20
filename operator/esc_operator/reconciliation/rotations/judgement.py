"""The outcomes of environments that an EscRotation has asked, and the namespaces in which too many have failed. Pure.

Each look judges them again, from their known state: no decision here has to be remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from esc_operator.resources import reasons
from esc_operator.resources.rotation import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from esc_operator.resources.environment import Key
    from esc_operator.resources.rotate_request import AskedRotation
    from esc_operator.resources.rotation import EscRotation, RotationStatus
    from esc_operator.resources.rotation_selection import Candidate
    from esc_operator.resources.sync_record import SyncRecord

PATIENCE = 3
"""How often a problem that may pass by itself has occurred before an environment counts as failed."""

LEAST_NAMESPACES = 2
"""However few failures are allowed: no single namespace stops a rotation for the others."""


class EnvironmentState(StrEnum):
    """The state of one environment that was asked. GONE are those that were deleted since: they do not count."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    GONE = "Gone"


FINAL = frozenset({EnvironmentState.SUCCEEDED, EnvironmentState.GONE})
"""These states do not change; one that failed is retried by itself, and one that was skipped may be resumed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an environment. `reason`: why it failed, or that it succeeded with nothing to renew."""

    state: EnvironmentState
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Credentials that were issued at `asks_from` or later honour it."""

    id: str
    started_at: datetime
    rolls: bool
    pulumi_rotators: bool = False

    @property
    def asks_from(self) -> datetime:
        # The next whole second: times are stored in seconds, and credentials issued in this one may be older.
        return self.started_at + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an environment has no new values, or its pods do not have them. `final`: the run does not wait for it to
    pass."""

    reason: str
    message: str
    final: bool


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """The known state of an environment that was asked: the record of its Secret, the request, and its problem.

    `rolls`: its pods have to be replaced. `rolled_out` is the revision that all of them are known to have. For a
    ClusterEscEnvironment, `lags` says that not all namespaces have the values of the record, and `idle` that it has
    seen the request and no namespace has anything to renew. `opens_nothing`: it has neither providers nor rotators, so
    its values are as before. `is_told`: its status is about the record; then `unrotated` says which rotators in Pulumi
    Cloud have not rotated although that was requested.
    """

    record: SyncRecord | None
    asked: AskedRotation | None
    trouble: Obstacle | None = None
    suspended: bool = False
    rolls: bool = False
    rolled_out: str = ""
    rollout_trouble: Obstacle | None = None
    lags: bool = False
    lag_trouble: Obstacle | None = None
    idle: bool = False
    opens_nothing: bool = False
    is_told: bool = False
    unrotated: str = ""


def judge(run: Run, seen: EnvironmentView | None) -> Outcome:
    """The outcome of an environment that was asked."""
    if seen is None:
        return Outcome(EnvironmentState.GONE)
    if seen.idle and is_asked(run, seen.asked):
        return Outcome(EnvironmentState.SUCCEEDED, reasons.NOTHING_RENEWED if seen.opens_nothing else "")
    if seen.record and is_honoured(run, seen.record, seen.asked):
        found = _judge_filled(run, seen, seen.record)
        is_same = seen.opens_nothing and found.state is EnvironmentState.SUCCEEDED
        return replace(found, reason=reasons.NOTHING_RENEWED) if is_same else found
    return Outcome(EnvironmentState.SKIPPED) if seen.suspended else _unless_in_trouble(seen.trouble)


def _judge_filled(run: Run, seen: EnvironmentView, record: SyncRecord) -> Outcome:
    """The outcome of one with new values: whether all namespaces and pods have them."""
    if seen.lags:
        return Outcome(EnvironmentState.SKIPPED) if seen.suspended else _unless_in_trouble(seen.lag_trouble)
    if run.pulumi_rotators and not seen.is_told:
        return Outcome(EnvironmentState.RUNNING)
    if run.pulumi_rotators and seen.unrotated:
        return Outcome(EnvironmentState.FAILED, reasons.ROTATORS_NOT_ROTATED, seen.unrotated)
    if not (run.rolls and seen.rolls) or record.leaves_pods or seen.rolled_out == record.revision:
        return Outcome(EnvironmentState.SUCCEEDED)
    return _unless_in_trouble(seen.rollout_trouble)


def is_asked(run: Run, asked: AskedRotation | None) -> bool:
    """Whether the request to an environment is that of this run, or of a later one, which counts for this one too if it
    asks for as much. Times are whole seconds: an earlier run may seem to have asked later."""
    if asked is None or asked.id == run.id:
        return asked is not None
    return asked.requested_at >= run.asks_from and (asked.pulumi_rotators or not run.pulumi_rotators)


def is_honoured(run: Run, record: SyncRecord, asked: AskedRotation | None) -> bool:
    if record.rotation == run.id:
        return True
    return asked is not None and record.rotation == asked.id and is_asked(run, asked)


def _unless_in_trouble(trouble: Obstacle | None) -> Outcome:
    if trouble and trouble.final:
        return Outcome(EnvironmentState.FAILED, trouble.reason, trouble.message)
    return Outcome(EnvironmentState.RUNNING)


def failures_by_namespace(outcomes: Mapping[Key, Outcome]) -> Counter[str]:
    """How many have failed in each namespace; cluster-scoped ones count as a namespace of their own."""
    return Counter(key.namespace for key, outcome in outcomes.items() if outcome.state is EnvironmentState.FAILED)


def is_stopped(rotation: EscRotation, old: RotationStatus, outcomes: Mapping[Key, Outcome]) -> bool:
    """Once stopped it stays so, although some of those that failed may still succeed."""
    if old.phase is Phase.STOPPED:
        return True
    return rotation.stop_after is not None and len(failures_by_namespace(outcomes)) >= max(
        rotation.stop_after, LEAST_NAMESPACES
    )


def open_to(
    rotation: EscRotation, outcomes: Mapping[Key, Outcome], waiting: Sequence[Candidate]
) -> Sequence[Candidate]:
    """Those whose namespaces do not have too many failures."""
    closed = closed_namespaces(rotation, outcomes)
    return [one for one in waiting if one.key.namespace not in closed] if closed else waiting


def closed_namespaces(rotation: EscRotation, outcomes: Mapping[Key, Outcome]) -> dict[str, int]:
    """The namespaces with so many failures that no more are asked there."""
    limit = rotation.stop_after
    return {name: count for name, count in sorted(failures_by_namespace(outcomes).items()) if limit and count >= limit}
