"""Turns events of the watches into keys in the queue, and keeps each environment as last seen until its turn.

Owns which events queue an environment, and in which lane. It decides nothing about one: its worker reads the state.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS
from esc_operator.reconciliation.sync.outcome import Sighting
from esc_operator.reconciliation.workqueue.change_backoff import ChangeBackoff
from esc_operator.reconciliation.workqueue.debounce import Debounce
from esc_operator.reconciliation.workqueue.list_barrier import ListBarrier
from esc_operator.reconciliation.workqueue.scheduler import Scheduler
from esc_operator.reconciliation.workqueue.work_queue import Lane
from esc_operator.resources.applied import applied_mark
from esc_operator.resources.environment import Key, parse_environment, parse_rotate_request
from esc_operator.resources.extent import LARGEST_KEPT, is_without_definition, refuse_size, size_without_definition
from esc_operator.resources.sharing import parse_sharing
from esc_operator.resources.status import parse_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status

RELISTED_SECONDS = 5.0
"""A list that is considered complete too early costs a request for each missing environment."""
ANY = "*"
"""Stands for all namespaces."""
UNHURRIED = timedelta(hours=1)
"""After a start, environments without expiry are queued as if they expired late: they are not urgent."""


PENDING_BYTES = 16 * 1024 * 1024
"""The maximum size of all waiting environments' texts. Further ones are read at their turn."""


class PendingEnvironment(NamedTuple):
    """An environment that waits for its turn: as text, because thousands may wait and a parsed body takes ten times the
    memory. Without a text ("") it has to be read. `size` is the text's size in bytes, kept or not; `at` is by the
    gatherer's clock."""

    text: str
    size: int
    at: float

    def body(self) -> dict[str, Any] | None:
        """None if it has to be read."""
        if not self.text:
            return None
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class EventHandlers:
    """`expect` is called with each environment that waits for its first turn in this process."""

    def __init__(self, shared: Shared, expect: Callable[[Key, Status], None]) -> None:
        self._cache = shared.cache
        self._queue = shared.queue
        self._gatherer = shared.gatherer
        self._expect = expect
        self._now = shared.now
        self._list_barrier = ListBarrier()
        self._change_backoff: ChangeBackoff[Key] = ChangeBackoff()
        self._later: Scheduler[Key] = Scheduler(shared.now)
        self._pending: dict[Key, PendingEnvironment] = {}
        self._pending_bytes = 0
        self._deleted: set[Key] = set()
        self._resuming: Debounce[Key, float] = Debounce(pause=shared.pause)
        self._relisted: Debounce[Key, None] = Debounce(quiet=RELISTED_SECONDS, pause=shared.pause)

    def on_environment(
        self, body: Mapping[str, Any], *, deleted: bool, listed: bool = False, text: str | None = None
    ) -> None:
        """An environment was listed, created, changed or deleted; `text` is its JSON, if known. Cheap and
        idempotent."""
        key = Key(body["metadata"].get("namespace") or "", body["metadata"]["name"])
        if deleted:
            self.take(key)
            if self._cache.find(key) is None and key not in self._queue and not self.is_coming_in(key):
                return  # its deletion was detected when its Secret was deleted, and is handled
            self._deleted.add(key)
            self.wake((key,))
            return
        self._deleted.discard(key)
        if listed:
            self._list_barrier.note()
        if self._cache.is_overtaken(key, body["metadata"]["resourceVersion"]):
            return
        self.note(Sighting(key, body["metadata"].get("generation", 0), body["metadata"]["uid"], parse_sharing(body)))
        entry, environment = self._cache.find(key), parse_environment(body)
        if entry is not None and listed:
            self._relisted.add(key, None)
        if entry is not None and entry.is_unchanged(
            environment.uid, environment.generation, environment.rotate_request, environment.applied_mark
        ):
            return
        now = self._now()
        # A request of an EscRotation does not wait behind changes that the owner makes in a loop.
        is_rotated = entry is not None and entry.rotate_request.rotation != environment.rotate_request.rotation
        if not is_rotated and (due := self._change_backoff.due(key, now)) > now:
            self.take(key)  # it is read when it is due
            self._later.set(key, due)
            return
        self._keep(key, body, json.dumps(body) if text is None else text)
        deadline = None
        if entry is None:
            status = parse_status(body.get("status"))
            deadline = self._resumed_by(environment, status)
            self._expect(key, status)
        if deadline is None:
            self.wake((key,))
        else:
            self._resuming.add(key, deadline)

    def is_echo(self, body: Mapping[str, Any]) -> bool:
        """Whether everything relevant about a changed environment is already known, so that the event can be ignored:
        for instance the echo of each status that this process has written."""
        metadata = body["metadata"]
        key = Key(metadata.get("namespace") or "", metadata["name"])
        entry = self._cache.find(key)
        if entry is None or key in self._deleted:
            return False
        return entry.is_unchanged(
            metadata["uid"], metadata.get("generation", 0), parse_rotate_request(body), applied_mark(body)
        )

    def _keep(self, key: Key, body: Mapping[str, Any], text: str) -> None:
        self.take(key)
        size = size_without_definition(body) or len(text)
        too_large = len(text) > LARGEST_KEPT or (is_without_definition(body) and _needs_definition(body))
        if too_large or self._pending_bytes + len(text) > PENDING_BYTES:
            text = ""
        self._pending[key] = PendingEnvironment(text, size, self._gatherer.clock())
        self._pending_bytes += len(text)

    def on_empty_list(self, plural: str, namespace: str) -> None:
        """A list of a kind was empty, in a namespace or, for "", everywhere."""
        if plural == ENVIRONMENTS.plural:
            self._relisted.add(Key(namespace or ANY, ""), None)
        elif plural == CLUSTER_ENVIRONMENTS.plural:
            self._relisted.add(Key("", ""), None)

    def _resumed_by(self, environment: EscEnvironment, status: Status) -> float | None:
        """When an environment that another process has left up to date is due; None: at once, because it is new, has a
        new request, or its Secret is gone."""
        observed = status.observed_generation, status.observed_request, status.secret_name
        wanted = environment.generation, environment.rotate_request, environment.target.name
        if environment.cluster_scoped:
            return None
        if observed != wanted or self._gatherer.known(environment.target_key) is None:
            return None
        return (status.expires_at or self._now() + UNHURRIED).timestamp()

    def _resume(self, deadlines: Mapping[Key, float]) -> None:
        for key, deadline in sorted(deadlines.items(), key=lambda one: one[1]):
            self._queue.add(key, Lane.REFRESH, deadline)

    def _look_for_missing(self, listed: Mapping[Key, None]) -> None:
        """All were listed again, because the watch's resource version expired: deletions in between have no event."""
        kinds = {bool(key.namespace) for key in listed if key.name}  # each kind has a watch of its own
        empty = {key.namespace for key in listed if not key.name}
        known = (key for key, _ in self._cache.entries() if key not in listed)
        self.wake(tuple(key for key in known if bool(key.namespace) in kinds or _lists_of(key) & empty))

    def on_secret(self, key: Key) -> None:
        """A Secret with our label was changed or deleted, perhaps by ourselves."""
        self.wake(self._cache.claimants(key))

    def on_namespaces(self) -> None:
        """A namespace was added, removed, or changed its labels."""
        self.wake(tuple(key for key, _ in self._cache.entries() if not key.namespace))

    def note(self, seen: Sighting) -> None:
        """An environment was observed: queue the importers that used an older version."""
        if self._cache.note_sighting(seen):
            self.wake(self._cache.outdated_importers(seen.key))

    def on_sources(self, keys: tuple[Key, ...]) -> None:
        """The objects that hold the definitions of these environments have changed; one that changes repeatedly is
        looked at with pauses, as an environment is."""
        now = self._now()
        for key in keys:
            if (due := self._change_backoff.due(key, now)) > now:
                self._later.set(key, due)
            else:
                self.wake((key,))

    def note_source(self, key: Key, mark: str) -> None:
        """An environment's text in another object was read: queue the importers that used an older one."""
        if self._cache.note_source(key, mark):
            self.wake(self._cache.outdated_importers(key))

    def wake(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self._resuming.discard(key)
            self._later.discard(key)
            self._queue.add(key, Lane.CHANGE)

    def look(self, key: Key) -> PendingEnvironment | None:
        """A waiting environment as last seen; None if nothing has changed since it was worked on."""
        return self._pending.get(key)

    def take(self, key: Key) -> PendingEnvironment | None:
        """As `look`, and remove it: its work starts now."""
        seen = self._pending.pop(key, None)
        self._pending_bytes -= len(seen.text) if seen else 0
        return seen

    def is_coming_in(self, key: Key) -> bool:
        """Whether it is still gathered with the list that a start brings."""
        return key in self._resuming

    def is_deleted(self, key: Key) -> bool:
        """Whether its last event was a deletion."""
        return key in self._deleted

    def settle(self, key: Key) -> None:
        """Forget the deletion: the current state is known."""
        self._deleted.discard(key)

    async def let_in(self) -> None:
        """Wait while a list arrives."""
        await self._list_barrier.wait()

    async def run(self) -> None:
        """Gather lists, and queue delayed changes when they are due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._later.run(self._on_due), name="changed-again")
            group.create_task(self._resuming.run(self._resume), name="resuming")
            group.create_task(self._relisted.run(self._look_for_missing), name="relisted")

    def wake_due(self) -> None:
        """Queue the delayed ones that are due."""
        self._later.take_due(self._on_due)

    def _on_due(self, key: Key, _: datetime) -> None:
        self.wake((key,))


def _needs_definition(body: Mapping[str, Any]) -> bool:
    """Whether the definition of an environment is needed: not if it is suspended, or too large."""
    return not (body["spec"].get("suspend") or refuse_size(body))


def _lists_of(key: Key) -> set[str]:
    """The namespaces by which the empty lists that an environment would be in are known."""
    return {key.namespace, ANY} if key.namespace else {""}
