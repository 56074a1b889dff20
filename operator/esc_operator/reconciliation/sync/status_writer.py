"""Carries a plan out, and records what has happened: in the status, by an event, in the schedule.

Owns the order of that. A status is remembered before it is written, so that a failed write is made up for.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from esc_operator.errors import ConflictError, KubeError, NotFoundError, UnavailableError
from esc_operator.formats.times import format_time
from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.warnings import with_warnings
from esc_operator.renewal.rotation_gap import AT_ONCE
from esc_operator.resources import ROTATE_REQUESTED_AT, reasons
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.reconciliation.rollouts.status import Rollouts
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status

logger = logging.getLogger(__name__)

F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)


def delay_event(due: datetime) -> Event:
    """The rotation that the annotation requests has to wait. Posted once, however often it is requested until then."""
    return Event(
        "Normal",
        reasons.ROTATION_DELAYED,
        f"the rotation that the annotation {ROTATE_REQUESTED_AT} requests starts at {format_time(due)}: an environment "
        f"has {AT_ONCE} rotations at once, and then one a minute; use an EscRotation if it cannot wait",
    )


class RollsOut(Protocol[F_contra]):
    """Replaces the pods that take the `filled` Secret, or those of many namespaces."""

    async def advance(
        self, environment: EscEnvironment, old: Status, status: Status, filled: F_contra, /
    ) -> tuple[Status, datetime | None]:
        """The status with the state of rollouts, and when to look again. Never raises: a problem with workloads must
        not affect Secrets."""

    def events(self, environment: EscEnvironment, old: Status, status: Status) -> tuple[Event, ...]:
        """The events for the differences between two statuses."""


class StatusWriter:
    def __init__(self, shared: Shared, rollouts: Rollouts | None) -> None:
        self._cache = shared.cache
        self._now = shared.now
        self._scheduler = shared.scheduler
        self._gatherer = shared.gatherer
        self._actor = shared.actor
        self._meter = shared.telemetry.meter
        self._rollouts = rollouts

    async def carry_out(self, environment: EscEnvironment, entry: CachedEnvironment, plan: Plan) -> None:
        """Report a plan whose Secret is written, and handle a former Secret and rollouts. Raises KubeError."""
        status = plan.status
        self._cache.note_imports(environment.key, tuple(status.imports or ()))
        previous = entry.status.secret_name
        if previous and status.secret_name and previous != status.secret_name:
            await self.abandon(environment, Key(environment.key.namespace, previous))  # while its name is still known
        record = self._gatherer.own_record(environment)
        await self.write_with_rollouts(environment, entry, plan, self._rollouts, record)

    async def write_with_rollouts(
        self,
        environment: EscEnvironment,
        entry: CachedEnvironment,
        plan: Plan,
        rollouts: RollsOut[F] | None,
        filled: F,
    ) -> None:
        """As `write`, with the state of rollouts; None if nothing is rolled."""
        if rollouts is None:
            await self.write(environment, entry, plan, plan.status)
            return
        old = entry.status
        status, look_at = await rollouts.advance(environment, old, plan.status, filled)
        wake_at = min(filter(None, (plan.wake_at, look_at)), default=None)
        await self.write(environment, entry, replace(plan, wake_at=wake_at), status)
        await self._actor.post(environment, *rollouts.events(environment, old, status))

    async def write(self, environment: EscEnvironment, entry: CachedEnvironment, plan: Plan, status: Status) -> None:
        """Record in the status what has happened. It is remembered first, so that it is written in the end even if this
        write fails, and even if nothing else is due then."""
        self._cache.note_imports(environment.key, tuple(status.imports or ()))
        due, was_delayed = entry.rotation_due_at, entry.status.rotation_due_at is not None
        status = replace(status, rotation_due_at=due and due.replace(microsecond=0))
        status = with_warnings(environment, status, entry.status, self._now())
        written = entry.status if entry.is_written else None
        if status != written:
            entry.status, entry.is_written = status, False
            try:
                await self._actor.write_status(environment, written, status)
            except KubeError as error:
                await self._report_unwritten(environment, entry, error)
                raise
            entry.is_written, entry.status_trouble = True, ""
        self._scheduler.set(environment.key, min(filter(None, (plan.wake_at, due)), default=None))
        await self._actor.post(environment, plan.event, delay_event(due) if due and not was_delayed else None)

    async def _report_unwritten(self, environment: EscEnvironment, entry: CachedEnvironment, error: KubeError) -> None:
        """Report by an event that the status could not be written, once for each cause. An environment that is gone
        gets none."""
        self._meter.write_failed("status", error.reason)
        if isinstance(error, ConflictError | NotFoundError) or entry.status_trouble == error.message:
            return
        entry.status_trouble = error.message
        message = f"{error.message}; until it can be written, the status says what was before"
        await self._actor.post(environment, Event("Warning", reasons.STATUS_NOT_WRITTEN, message))

    async def abandon(self, environment: EscEnvironment, former: Key) -> None:
        """Delete a Secret that is no longer filled, unless it is kept on purpose or not this environment's. Raises
        UnavailableError and ConflictError."""
        found = await self._gatherer.read_metadata(former)
        if found is None or environment.uid not in found.owners or found.environment != environment.key.name:
            return
        try:
            await self._actor.delete_secret(found)
        except (UnavailableError, ConflictError):
            raise
        except KubeError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: the former Secret is left over: %s", environment.key, error.message, extra=log)
            self._meter.write_failed("secrets", error.reason)
            message = f"Secret {former} is left over, under the former spec.target.name: {error.message}. Delete it"
            await self._actor.post(environment, Event("Warning", reasons.SECRET_LEFT_OVER, message))
