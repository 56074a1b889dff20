"""Carries a plan out, and writes down what has happened: in the status, by an event, in the schedule.

Owns the order of it. What a status tells is remembered before it is written, so that it is told in the end.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from esc_operator.errors import ConflictError, KubeError, UnavailableError
from esc_operator.formats.times import format_time
from esc_operator.kube.events import Event
from esc_operator.renewal.rotation_gap import AT_ONCE
from esc_operator.resources import ROTATE_REQUESTED_AT, reasons
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.reconciliation.rollouts.status import Rollouts
    from esc_operator.reconciliation.sync.act import Actor
    from esc_operator.reconciliation.sync.cache import Cache, CachedEnvironment
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.gather import Gatherer
    from esc_operator.reconciliation.workqueue.scheduler import Scheduler
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status

logger = logging.getLogger(__name__)

LATER = timedelta(seconds=5)


def delay_event(due: datetime) -> Event:
    """A rotation that the annotation asks for has to wait. Told once, however often it is asked for meanwhile."""
    return Event(
        "Normal",
        reasons.ROTATION_DELAYED,
        f"the rotation that the annotation {ROTATE_REQUESTED_AT} asks for is done at {format_time(due)}: of one "
        f"environment {AT_ONCE} are done at once, and then one a minute; an EscRotation waits for nothing",
    )


class Core(Protocol):
    """What it shares with the workers."""

    cache: Cache
    scheduler: Scheduler[Key]


class StatusWriter:
    def __init__(
        self,
        core: Core,
        gatherer: Gatherer,
        actor: Actor,
        rollouts: Rollouts | None,
        now: Callable[[], datetime],
    ) -> None:
        self._cache = core.cache
        self._scheduler = core.scheduler
        self._gatherer = gatherer
        self._actor = actor
        self._rollouts = rollouts
        self._now = now

    async def carry_out(self, environment: EscEnvironment, entry: CachedEnvironment, plan: Plan) -> None:
        """Write the plan's Secret, if it has one, and tell of it. Raises KubeError."""
        await self.tell_all(environment, entry, plan, await self._actor.write_secret(plan))

    async def tell_all(self, environment: EscEnvironment, entry: CachedEnvironment, plan: Plan, status: Status) -> None:
        """As `tell`, with what became of a former Secret and of rollouts."""
        self._cache.note_imports(environment.key, tuple(status.imports or ()))
        previous = entry.status.secret_name
        if previous and status.secret_name and previous != status.secret_name:
            await self._abandon(environment, Key(environment.key.namespace, previous))  # while its name is remembered
        old = entry.status
        status, look_at = await self._advance_rollout(environment, entry, status)
        wake_at = min(filter(None, (plan.wake_at, look_at)), default=None)
        await self.tell(environment, entry, replace(plan, wake_at=wake_at), status)
        if self._rollouts is not None:
            await self._actor.post(environment, self._rollouts.tell(environment, old, status))

    async def tell(self, environment: EscEnvironment, entry: CachedEnvironment, plan: Plan, status: Status) -> None:
        """Make the status tell what has happened. It is remembered first, so that it is told in the end though writing
        it fails, and though nothing else has to be done then."""
        self._cache.note_imports(environment.key, tuple(status.imports or ()))
        due, was_delayed = entry.rotation_due_at, entry.status.rotation_due_at is not None
        status = replace(status, rotation_due_at=due and due.replace(microsecond=0))
        written = entry.status if entry.is_written else None
        if status != written:
            entry.status, entry.is_written = status, False
            await self._actor.write_status(environment, written, status)
            entry.is_written = True
        self._scheduler.set(environment.key, min(filter(None, (plan.wake_at, due)), default=None))
        await self._actor.post(environment, plan.event)
        if due and not was_delayed:
            await self._actor.post(environment, delay_event(due))

    async def _advance_rollout(
        self, environment: EscEnvironment, entry: CachedEnvironment, status: Status
    ) -> tuple[Status, datetime | None]:
        """The status with what there is to tell of rollouts. Trouble with workloads is none with the Secret."""
        if self._rollouts is None:
            return status, None
        record = self._gatherer.own_record(environment)
        try:
            return await self._rollouts.advance(environment, entry.status, status, record)
        except KubeError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: rolling its workloads: %s", environment.key, error.message, extra=log)
            return self._rollouts.unchanged(entry.status, status), self._now() + LATER

    async def _abandon(self, environment: EscEnvironment, former: Key) -> None:
        """Delete the Secret of a former target name, unless it is kept on purpose or not this environment's."""
        found = (await self._gatherer.read_target(former, "")).secret
        if found is None or environment.uid not in found.owners or found.environment != environment.key.name:
            return
        try:
            await self._actor.delete_secret(found)
        except (UnavailableError, ConflictError):
            raise
        except KubeError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: the former Secret is left over: %s", environment.key, error.message, extra=log)
