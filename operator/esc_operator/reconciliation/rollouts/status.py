"""The rollouts of environments that fill one Secret: when its workloads are looked at, and what is reported about them.

The status has the revision that was rolled out, so workloads are read only if the Secret's data differs from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError
from esc_operator.reconciliation.rollouts.events import rollout_event
from esc_operator.reconciliation.rollouts.missing import warn_of_missing
from esc_operator.reconciliation.rollouts.plan import (
    LOOK_SELDOM,
    RolloutPlan,
    end_of_rollout,
    lifetime_warning,
    look_again_at,
    rolled_out,
    time_rollout,
)
from esc_operator.reconciliation.rollouts.roller import SOON, Roller
from esc_operator.resources import reasons
from esc_operator.resources.conditions import (
    LIFETIME_TOO_SHORT,
    ROLLED_OUT,
    Condition,
    carry_transition_times,
    find_condition,
)
from esc_operator.resources.warnings import replace_warnings
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.events import Event
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord


class Rollouts:
    """`at_once`: how many workloads of the cluster are rolled at a time."""

    def __init__(self, api: KubeApi, now: Callable[[], datetime], at_once: int, telemetry: Telemetry = SILENT) -> None:
        self.roller = Roller(api, now, at_once, telemetry)
        self._now = now
        self._telemetry = telemetry

    @property
    def under_way(self) -> int:
        """How many workloads have their turn."""
        return self.roller.under_way

    async def advance(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord | None
    ) -> tuple[Status, datetime | None]:
        """The status with the state of rollouts, and when to look again; rolls what has to be rolled now.

        `old` is the last status, `status` the next one as far as the Secret is concerned. Workloads are read only if
        the Secret's data differs from what was rolled out. Problems with them are reported and retried, never raised.
        """
        if environment.rollout.policy == "Never" or environment.suspend:
            self.forget(environment.key, environment.uid)
            return _without(status), None
        if record is None or record.leaves_pods:
            self.forget(environment.key, environment.uid)
            # Without a record, pods still have what was rolled out.
            return self._left(environment, old, status) if record else status, None
        is_done = old.rolled_out_revision == record.revision and find_condition(old.conditions, ROLLED_OUT)
        if is_done and not _looks_for_targets(environment, old):
            return self.unchanged(old, status), None
        if until := self.roller.waits_until(environment, record):
            return self.unchanged(old, status), until
        try:
            with self._telemetry.tracer.span("rollout", environment=str(environment.key)):
                return await self._follow(environment, old, status, record)
        except KubeError as error:
            return self._after_failure(environment, old, status, record, error)

    def unchanged(self, old: Status, status: Status) -> Status:
        """The status if nothing new is known about rollouts."""
        kept = [find_condition(old.conditions, kind) for kind in (ROLLED_OUT, LIFETIME_TOO_SHORT)]
        present = [replace(one, observed_generation=status.observed_generation) for one in kept if one]
        return replace(
            status,
            conditions=(*status.conditions, *carry_transition_times(present, old.conditions, self._now())),
        )

    def events(self, environment: EscEnvironment, old: Status, status: Status) -> tuple[Event, ...]:
        """The events for the differences between two statuses."""
        event = rollout_event(old, status, self.roller.told((environment.uid, environment.key.namespace)))
        return (event,) if event else ()

    def forget(self, key: Key, uid: str) -> None:
        """An environment is gone, or no longer has anything to roll."""
        self.roller.forget((uid, key.namespace))

    async def _follow(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord
    ) -> tuple[Status, datetime | None]:
        survey = await self.roller.survey(environment, record)
        plan = await self.roller.roll(environment, record, survey)
        now = self._now()
        told = self._told(environment, old, status, plan, record)
        warnings = warn_of_missing(survey.missing, environment.key.namespace)
        told = replace(told, warnings=replace_warnings(told.warnings, {reasons.WORKLOADS_MISSING}, warnings))
        # A longer rollout requires an earlier renewal than was just planned.
        soon = now + SOON if told.rollout_seconds > old.rollout_seconds else None
        missing = now + LOOK_SELDOM if warnings else None
        return told, min(filter(None, (look_again_at(plan, now) or soon, missing)), default=None)

    def _told(
        self, environment: EscEnvironment, old: Status, status: Status, plan: RolloutPlan, record: SyncRecord
    ) -> Status:
        now = self._now()
        started, seconds = time_rollout(old, plan, record, now)
        status = replace(
            status,
            rolled_out_revision=record.revision if plan.is_done else "",
            rollout_started_at=started,
            rollout_seconds=seconds,
        )
        condition = rolled_out(environment, plan, record, environment.target.name)
        if end := end_of_rollout(old, condition):
            self._telemetry.meter.rolled_out(end, seconds if end == "completed" and old.rollout_started_at else None)
        warning = lifetime_warning(environment, record.lifetime, status.rollout_time)
        told = [condition, *([warning] if warning else [])]
        return replace(status, conditions=(*status.conditions, *carry_transition_times(told, old.conditions, now)))

    def _left(self, environment: EscEnvironment, old: Status, status: Status) -> Status:
        """The pods keep their values, because the request for new ones excluded a rollout."""
        why = "a rotation without rollout has changed the Secret: pods take its values when they are next replaced"
        told = Condition(ROLLED_OUT, "False", reasons.PODS_LEFT, why, environment.generation)
        conditions = carry_transition_times((told,), old.conditions, self._now())
        return replace(status, conditions=(*status.conditions, *conditions), rollout_started_at=None)

    def _after_failure(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord, error: KubeError
    ) -> tuple[Status, datetime]:
        """The revision that was rolled out before is outdated, so the status must not repeat it."""
        due = self.roller.record_failure(environment, record, error)
        why = f"its workloads could not be rolled: {error.message}"
        told = Condition(ROLLED_OUT, "False", error.reason, why, environment.generation)
        status = self.unchanged(old, status)
        others = tuple(one for one in status.conditions if one.type != ROLLED_OUT)
        carried = carry_transition_times((told,), old.conditions, self._now())
        return replace(status, conditions=(*others, *carried)), due


def _looks_for_targets(environment: EscEnvironment, old: Status) -> bool:
    """Whether a workload that the environment names may be missing, or may have been created since."""
    was_missing = any(one.reason == reasons.WORKLOADS_MISSING for one in old.warnings)
    return was_missing or bool(environment.rollout.targets and old.observed_generation != environment.generation)


def _without(status: Status) -> Status:
    warnings = replace_warnings(status.warnings, {reasons.WORKLOADS_MISSING}, ())
    return replace(status, rolled_out_revision="", rollout_started_at=None, warnings=warnings)
