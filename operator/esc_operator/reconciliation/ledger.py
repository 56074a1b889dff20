"""What is remembered about each environment between two looks at it.

Owns a small record of every environment, which environments import which, and who wants which Secret. Everything in it
can be lost: after a restart it fills again from the environments' statuses and the Secrets' own records.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from esc_operator.renewal.why import Attempt
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status


@dataclass(slots=True)
class Entry:
    """One environment. `status` is the last one read or written; this process is its only writer, so it is newer than
    any that an event carries. `read_at` is when its inputs were last read, `rotation_seen_at` since when the present
    request for new credentials is known: only what was issued later honours it."""

    uid: str
    generation: int
    rotate_request: str
    suspend: bool
    target: Key
    status: Status
    read_at: datetime
    rotation_seen_at: datetime
    failed: Attempt | None = None

    def is_unchanged(self, environment: EscEnvironment) -> bool:
        """Whether nothing that its owner can ask for has changed: an echo of a status, a label, an annotation."""
        return (
            self.uid == environment.uid
            and self.generation == environment.generation
            and self.rotate_request == environment.rotate_request
        )


class Ledger:
    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._generations: dict[Key, int] = {}
        self._imports: dict[Key, frozenset[Key]] = {}
        self._importers: defaultdict[Key, set[Key]] = defaultdict(set)
        self._claimants: defaultdict[Key, set[Key]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key) -> Entry | None:
        return self._entries.get(key)

    def enter(self, environment: EscEnvironment, status: Status, now: datetime) -> Entry:
        """Remember an environment as it was just read, keeping what is known of the same object."""
        entry = self._entries.get(environment.key)
        if entry is None or entry.uid != environment.uid:
            self.remove(environment.key)
            entry = Entry(
                environment.uid, 0, environment.rotate_request, False, environment.target_key, status, now, now
            )
            self._entries[environment.key] = entry
        self._claimants[entry.target].discard(environment.key)
        self._claimants[environment.target_key].add(environment.key)
        if entry.rotate_request != environment.rotate_request:
            entry.rotate_request, entry.rotation_seen_at = environment.rotate_request, now
        entry.generation = environment.generation
        entry.suspend, entry.target = environment.suspend, environment.target_key
        self._generations[environment.key] = environment.generation
        return entry

    def remove(self, key: Key) -> None:
        if entry := self._entries.pop(key, None):
            self._claimants[entry.target].discard(key)
            if not self._claimants[entry.target]:
                del self._claimants[entry.target]
        self.note_imports(key, ())
        if self.importers(key):
            self._generations[key] = 0  # known to be gone, for those who still import it
        else:
            self._generations.pop(key, None)

    def note_generation(self, key: Key, generation: int) -> bool:
        """Note the generation an environment has now; answers whether that is news."""
        known = self._generations.get(key)
        self._generations[key] = generation
        return known != generation

    def note_imports(self, key: Key, names: Collection[str]) -> None:
        """Note what an environment imports, by the names of environments in its namespace."""
        imported = frozenset(Key(key.namespace, name) for name in names)
        for gone in self._imports.get(key, frozenset()) - imported:
            self._importers[gone].discard(key)
            if not self._importers[gone]:
                del self._importers[gone]
        for name in imported:
            self._importers[name].add(key)
        if imported:
            self._imports[key] = imported
        else:
            self._imports.pop(key, None)

    def importers(self, key: Key) -> tuple[Key, ...]:
        return tuple(self._importers.get(key, ()))

    def claimants(self, secret: Key) -> tuple[Key, ...]:
        """The environments that want to fill a Secret."""
        return tuple(self._claimants.get(secret, ()))

    def generations(self, namespace: str, names: Iterable[str]) -> Mapping[str, int]:
        """The generations those environments have now, as far as they are known."""
        keys = {name: Key(namespace, name) for name in names}
        return {name: self._generations[key] for name, key in keys.items() if key in self._generations}
