"""The controller of EscRotations: starts runs, requests rotations of environments, and reports the progress of each
run.

Level-triggered like the reconciler of environments, and independent of it: it looks at the current EscRotation, and
everything that it has to know of a run is there, on the environments and on their Secrets. Its memory only saves
listing all environments at each look.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ConflictError, EscError, NotFoundError, UnavailableError
from esc_operator.kube.events import Subject, post_events
from esc_operator.kube.paths import ROTATIONS, environment_resource
from esc_operator.reconciliation.rotations.cleanup import Cleanup
from esc_operator.reconciliation.rotations.events import begin_event, end_event, failure_events
from esc_operator.reconciliation.rotations.judgement import (
    FINAL,
    EnvironmentState,
    Outcome,
    Run,
    is_asked,
    is_honoured,
    judge,
)
from esc_operator.reconciliation.rotations.plan import Begin, Idle, next_candidates, what_now
from esc_operator.reconciliation.rotations.progress import plan_dry_run, run_status
from esc_operator.reconciliation.workqueue.scheduler import Scheduler
from esc_operator.reconciliation.workqueue.work_queue import Lane, WorkQueue
from esc_operator.renewal.schedule import retry_at
from esc_operator.resources.environment import Key
from esc_operator.resources.rotate_request import AskedRotation
from esc_operator.resources.rotation import (
    DEFAULT_HISTORY,
    EscRotation,
    RotationStatus,
    parse_rotation,
    parse_rotation_status,
)
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.events import Event
    from esc_operator.reconciliation.rotations.gather import RotationGatherer
    from esc_operator.resources.rotation_selection import Candidate

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(milliseconds=500)
"""While a run continues."""


@dataclass(slots=True)
class _RunMemory:
    """The known state of a run: the environments that wait, in order, those that were asked, and their outcomes.

    `unsure` are those that the request may not have reached: they count as asked, and are asked once more, which
    changes nothing for one that was reached. `told` are the failures that have their events. `hidden` environments may
    log in as the selector says, which their status does not show; `wide` ones do only with `**` in place of each `*`.
    """

    run: Run
    waiting: list[Candidate]
    asked: dict[Key, Candidate] = field(default_factory=dict)
    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    unsure: set[Key] = field(default_factory=set)
    told: set[Key] = field(default_factory=set)
    hidden: int = 0
    wide: int = 0


class RotationController:
    def __init__(  # noqa: PLR0913 - what it works with, and what depends on the operator's options
        self,
        api: KubeApi,
        gatherer: RotationGatherer,
        now: Callable[[], datetime],
        telemetry: Telemetry = SILENT,
        *,
        history: int = DEFAULT_HISTORY,
        on_begin: Callable[[], None] = lambda: None,
    ) -> None:
        """`history`: how many ended EscRotations of `esc rotate` to keep, of those that succeeded and of those that did
        not. `on_begin` is called when a run starts, before environments are chosen: later logins have to get
        credentials that are issued later."""
        self._cleanup = Cleanup(api, history)
        self._api = api
        self._telemetry = telemetry
        self._gatherer = gatherer
        self._now = now
        self._on_begin = on_begin
        self._memories: dict[str, _RunMemory] = {}
        self._troubles: dict[str, int] = {}
        self.queue: WorkQueue[str] = WorkQueue(lambda _: "")  # all belong to the administrators
        self.scheduler: Scheduler[str] = Scheduler(now)

    @property
    def under_way(self) -> int:
        """How many runs are running."""
        return len(self._memories)

    def on_rotation(self, body: Mapping[str, Any]) -> None:
        """An EscRotation was listed, created, changed or deleted."""
        self.queue.add(body["metadata"]["name"], Lane.CHANGE)

    async def run(self) -> None:
        """Work until cancelled, on one EscRotation at a time: the long work of a run is done elsewhere."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scheduler.run(self._on_due), name="rotation-scheduler")
            group.create_task(self._work(), name="rotations")

    def wake_due(self) -> None:
        """Look at the EscRotations whose time has come; `run` does so by itself."""
        self.scheduler.take_due(self._on_due)

    def _on_due(self, name: str, _: datetime) -> None:
        self.queue.add(name, Lane.CHANGE)

    async def _work(self) -> None:
        while True:
            name = await self.queue.take()
            try:
                await self._attempt(name)
            finally:
                self.queue.done(name)

    async def _attempt(self, name: str) -> None:
        try:
            await self.reconcile(name)
        except EscError as error:
            self._look_again(name, error.message)
        except Exception as error:  # noqa: BLE001 - a bug in one EscRotation's handling must not stop the others
            self._look_again(name, f"internal error ({type(error).__name__})")
        else:
            self._troubles.pop(name, None)

    def _look_again(self, name: str, message: str) -> None:
        count = self._troubles[name] = self._troubles.get(name, 0) + 1
        logger.warning("EscRotation %s: %s", name, message)
        self.scheduler.set(name, retry_at(self._now(), count, None, name))

    async def reconcile(self, name: str) -> None:
        """Continue one EscRotation. Raises KubeError."""
        try:
            body = await self._api.read(ROTATIONS, None, name)
        except NotFoundError:
            body = None
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._memories.pop(name, None)
            self._cleanup.forget(name)
            self.scheduler.discard(name)
            return
        rotation, status = parse_rotation(body), parse_rotation_status(body.get("status"))
        written = body.get("status") or {}
        await self._bring_on(rotation, status, written)
        if again := await self._cleanup.after(rotation, status, self._now()):
            self.scheduler.set(name, again)

    async def _bring_on(self, rotation: EscRotation, status: RotationStatus, written: Mapping[str, Any]) -> None:
        if rotation.dry_run:
            await self._dry_run(rotation, status, written)
            return
        verdict = what_now(rotation, status, self._now())
        if isinstance(verdict, Idle):
            await self._write(rotation, written, verdict.status)
            await self._post(rotation, end_event(status, verdict.status))
            self._memories.pop(rotation.name, None)
            self.scheduler.set(rotation.name, verdict.until)
            return
        begins = isinstance(verdict, Begin)
        if isinstance(verdict, Begin):
            logger.info("EscRotation %s: run %d begins", rotation.name, verdict.status.run)
            written = await self._write(rotation, written, verdict.status)
            status = verdict.status
            self._on_begin()
        await self._go_on(rotation, status, written, begins=begins)

    async def _dry_run(self, rotation: EscRotation, status: RotationStatus, written: Mapping[str, Any]) -> None:
        if status.completed_at:
            return
        now = self._now()
        selected = await self._gatherer.select(rotation.selector, now)
        told = plan_dry_run(rotation, status, selected, now, self._gatherer.places)
        await self._write(rotation, written, told)
        await self._post(rotation, end_event(status, told))

    async def _go_on(
        self, rotation: EscRotation, status: RotationStatus, written: Mapping[str, Any], *, begins: bool
    ) -> None:
        started_at = status.started_at or self._now()
        run = Run(rotation.run_id(status.run), started_at, rotation.rolls, rotation.pulumi_rotators)
        memory = self._memories.get(rotation.name)
        if memory is None or memory.run != run:
            memory = self._memories[rotation.name] = await self._take_up(rotation, run)
            memory.told = {failure.key for failure in status.failures}
        await self._judge(memory)
        self._choose(rotation, status, memory)
        await self._ask(rotation, memory)
        told = run_status(rotation, status, memory.outcomes, memory.waiting, self._now(), self._gatherer.places)
        await self._write(rotation, written, told)
        began = begin_event(rotation, told, memory.hidden, memory.wide) if begins else None
        await self._post(rotation, began, *failure_events(told, memory.told))
        if told.is_under_way:
            self.scheduler.set(rotation.name, self._now() + LOOK_AGAIN)
        else:
            logger.info(
                "EscRotation %s: run %d ends (%s, %s)", rotation.name, told.run, told.phase, told.counts.progress
            )
            self._telemetry.meter.rotated(
                str(told.phase).lower(), told.seconds, told.counts.succeeded, told.counts.failed
            )
            await self._post(rotation, end_event(status, told))
            self._memories.pop(rotation.name, None)
            self.queue.add(rotation.name, Lane.CHANGE)  # for when the next one is due

    async def _take_up(self, rotation: EscRotation, run: Run) -> _RunMemory:
        """Find out the state of a run, at its start or after a restart."""
        memory = _RunMemory(run, [])
        for one in await self._gatherer.select(rotation.selector, run.started_at):
            memory.hidden += one.unsure
            memory.wide += one.wide
            seen = self._gatherer.as_listed(one)
            if is_asked(run, seen.asked) or (seen.record and is_honoured(run, seen.record, seen.asked)):
                memory.asked[one.key], memory.outcomes[one.key] = one, judge(run, seen)
            else:
                memory.waiting.append(one)
        return memory

    async def _judge(self, memory: _RunMemory) -> None:
        for key, one in memory.asked.items():
            if memory.outcomes[key].state in FINAL:
                continue
            seen = await self._gatherer.look_at(one)
            outcome = memory.outcomes[key] = judge(memory.run, seen)
            if outcome.state is EnvironmentState.RUNNING and seen and not is_asked(memory.run, seen.asked):
                memory.unsure.add(key)  # an earlier run has replaced its request, or it was not observed yet

    def _choose(self, rotation: EscRotation, status: RotationStatus, memory: _RunMemory) -> None:
        """Take those whose turn it is. One that is suspended at its turn is left out; one that was resumed before is
        not."""
        is_suspended = self._gatherer.is_suspended
        choice = next_candidates(rotation, status, memory.outcomes, memory.waiting, is_suspended)
        memory.outcomes |= {one.key: Outcome(EnvironmentState.SKIPPED) for one in choice.suspended}
        # Counted before the request: if the answer is lost, there must not be one too many running.
        memory.outcomes |= {one.key: Outcome(EnvironmentState.RUNNING) for one in choice.asked}
        memory.asked |= {one.key: one for one in choice.asked}
        if choice.asked or choice.suspended:
            memory.waiting = [one for one in memory.waiting if one.key not in memory.outcomes]
        memory.unsure.update(one.key for one in choice.asked if not is_asked(memory.run, self._gatherer.asked_of(one)))

    async def _ask(self, rotation: EscRotation, memory: _RunMemory) -> None:
        """Request new credentials of environments. Raises KubeError if that is refused."""
        run = memory.run
        asked = AskedRotation(run.id, rotation.name, run.asks_from, run.rolls, run.pulumi_rotators)
        chosen = [memory.asked[key] for key in sorted(memory.unsure)]
        answers = await asyncio.gather(*(self._ask_one(memory, one, asked) for one in chosen), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, UnavailableError):
                raise answer

    async def _ask_one(self, memory: _RunMemory, one: Candidate, asked: AskedRotation) -> None:
        resource, namespace = environment_resource(one.key.namespace), one.key.namespace or None
        if (earlier := self._gatherer.pending(one)) and earlier.pulumi_rotators:
            asked = replace(asked, pulumi_rotators=True)  # this request replaces that one, and stands for it
        try:
            await self._api.patch_status(resource, namespace, one.key.name, {"rotation": asked.to_dict()}, one.uid)
        except (NotFoundError, ConflictError):
            memory.outcomes[one.key] = Outcome(EnvironmentState.GONE)
        memory.unsure.discard(one.key)

    async def _post(self, rotation: EscRotation, *events: Event | None) -> None:
        about = Subject(ROTATIONS, Key("", rotation.name), rotation.uid)
        await post_events(self._api, about, self._now(), events)

    async def _write(
        self, rotation: EscRotation, written: Mapping[str, Any], status: RotationStatus
    ) -> Mapping[str, Any]:
        """Write a status if it differs from the stored one; returns the stored one. Raises KubeError."""
        patch = {name: value for name, value in status.to_dict().items() if value != written.get(name)}
        if not patch:
            return written
        await self._api.patch_status(ROTATIONS, None, rotation.name, patch, rotation.uid)
        return {**written, **patch}
