"""The cache: the memory of each environment between two looks at it.

Owns a small record of every environment, which environments import which, and which have which target Secret. All of it
may be lost: after a restart it fills again from the environments' statuses and the Secrets' own records.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from typing import TYPE_CHECKING

from esc_operator.reconciliation.sync.outcome import NO_USES, Sighting
from esc_operator.renewal.why import is_another
from esc_operator.resources import CLUSTER_KIND
from esc_operator.resources.conditions import REFRESHED, find_condition
from esc_operator.resources.environment import Key, key_of
from esc_operator.resources.imported import BEHIND, NOT_THERE, SOURCE, as_one, own_source
from esc_operator.resources.rotate_request import NO_REQUEST
from esc_operator.resources.sharing import may_import
from esc_operator.resources.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from esc_operator.formats.spelling import Speller
    from esc_operator.kube.source_informer import WatchedObject
    from esc_operator.reconciliation.sync.outcome import Uses
    from esc_operator.renewal.restorations import Restorations
    from esc_operator.renewal.why import Attempt
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.imported import Imported
    from esc_operator.resources.rotate_request import AskedRotation, RotateRequest
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord


MOST_NAMES = 500
"""How many names of a namespace are compared with that of an import that was not found."""


@dataclass(slots=True)
class CachedEnvironment:
    """One environment, as of its resourceVersion `version`.

    `status` is its desired status: this process is the only writer, so it is newer than any that an event carries.
    `is_written` is False while the API server may have another one. `read_at` is when its inputs were last read, or
    since when it is known; `opened_at` when it was last opened with success; `rotation_seen_at` since when the current
    request for new credentials is known, or its own time if it has one: only credentials issued later honour it.
    `record` is that of the Secret as last seen. `refused` says which imports were refused to it at the last attempt,
    and in which places; `behind` is what only its imports have imported, None while that is not known. `rotation` is
    the request of an EscRotation, `rolls` whether pods are replaced when the Secret changes. `namespace_failures`: the
    most failures in a row in any one namespace of a ClusterEscEnvironment. `was_overtaken`: another writer was faster
    than its last write, which was retried at once. `status_trouble`: why the API server refuses its status, if an event
    has reported that. `rotation_due_at`: the annotation requests too often, and is honoured then. `size`: the bytes of
    its text when it was last worked on. `restorations`: how often in a row others have changed its Secret."""

    uid: str
    version: str
    generation: int
    rotate_request: RotateRequest
    target: Key
    status: Status
    read_at: datetime
    rotation_seen_at: datetime
    opened_at: datetime | None = None
    account: Key | None = None
    failed: Attempt | None = None
    record: SyncRecord | None = None
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    behind: Uses | None = None
    is_written: bool = True
    rotation: AskedRotation | None = None
    suspended: bool = False
    trusted: frozenset[str] = frozenset()
    rolls: bool = False
    namespace_failures: int = 0
    rotation_due_at: datetime | None = None
    size: int = 0
    applied_mark: int = 0
    """As in `EscEnvironment`."""
    restorations: Restorations | None = None
    source_version: str | None = None
    """The version at which the object with its definition was last read: "" if it did not exist, None if it was not
    read."""
    noticed: dict[WatchedObject, str] = field(default_factory=dict)
    """The newest versions of objects that its values were read from for which they were due to be read again."""
    was_overtaken: bool = False
    status_trouble: str = ""

    def is_unchanged(self, uid: str, generation: int, rotate_request: RotateRequest, applied_mark: int) -> bool:
        """Whether its owner has changed nothing relevant: the event is the echo of a status, a label, another
        annotation."""
        known = self.uid, self.generation, self.rotate_request, self.applied_mark
        return known == (uid, generation, rotate_request, applied_mark)


class Cache:
    def __init__(self) -> None:
        self._entries: dict[Key, CachedEnvironment] = {}
        self._sightings: dict[Key, Sighting] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        self._imports: dict[Key, frozenset[Key]] = {}
        self._importers: defaultdict[Key, set[Key]] = defaultdict(set)
        self._claimants: defaultdict[Key, set[Key]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is remembered, not even imports and claims of others."""
        return not (self._entries or self._sightings or self._imports or self._importers or self._claimants)

    def entries(self) -> list[tuple[Key, CachedEnvironment]]:
        """Every environment, with its entry."""
        return list(self._entries.items())

    def find(self, key: Key) -> CachedEnvironment | None:
        return self._entries.get(key)

    def enter(self, environment: EscEnvironment, status: Status, version: str, now: datetime) -> CachedEnvironment:
        """Remember an environment as it was just read, and keep what is known of the same object."""
        entry = self._entries.get(environment.key)
        if entry is None or entry.uid != environment.uid:
            self.remove(environment.key)
            entry = CachedEnvironment(
                uid=environment.uid,
                version=version,
                generation=environment.generation,
                rotate_request=environment.rotate_request,
                target=environment.target_key,
                status=status,
                read_at=now,
                rotation_seen_at=_asked_at(environment, NO_REQUEST, now),
            )
            self._entries[environment.key] = entry
        self._drop_claim(entry.target, environment.key)
        self._claimants[environment.target_key].add(environment.key)
        if entry.rotate_request != environment.rotate_request:
            entry.rotation_seen_at = _asked_at(environment, entry.rotate_request, now)
            entry.rotate_request = environment.rotate_request
        if entry.target != environment.target_key:
            entry.record = None  # the record is that of another Secret
        entry.version, entry.generation, entry.target = version, environment.generation, environment.target_key
        entry.account, entry.suspended = environment.account, environment.suspend
        entry.trusted, entry.applied_mark = environment.trusted, environment.applied_mark
        entry.rotation, entry.rolls = environment.rotation, environment.rollout.policy == "OnChange"
        return entry

    def is_overtaken(self, key: Key, version: str) -> bool:
        """Whether a resourceVersion of an environment is older than the entered one: a read is faster than the watch,
        whose next events are outdated then."""
        entry = self._entries.get(key)
        return entry is not None and is_older(version, entry.version)

    def remove(self, key: Key) -> None:
        if entry := self._entries.pop(key, None):
            self._drop_claim(entry.target, key)
        self.note_imports(key, ())
        self._drop_name(key)
        if key in self._importers:
            self._sightings[key] = Sighting(key, 0)  # known to be gone, for those that still import it
        else:
            self._sightings.pop(key, None)

    def _drop_name(self, key: Key) -> None:
        self._names[key.namespace].discard(key.name)
        if not self._names[key.namespace]:
            del self._names[key.namespace]

    def _drop_claim(self, target: Key, key: Key) -> None:
        self._claimants[target].discard(key)
        if not self._claimants[target]:
            del self._claimants[target]

    def note_sighting(self, seen: Sighting) -> bool:
        """Record the current state of an environment; returns whether that is news.

        The generation of an object only grows, so a smaller one is outdated.
        """
        known = self._sightings.get(seen.key, Sighting(seen.key, -1))
        another = bool(seen.uid and known.uid) and seen.uid != known.uid
        news = another or seen.generation > known.generation
        same = seen.generation == known.generation and not another
        source = (seen.source or known.source) if same else (seen if news else known).source
        now = self._sightings[seen.key] = replace(seen if news else known, uid=seen.uid or known.uid, source=source)
        if now.generation:
            self._names[seen.key.namespace].add(seen.key.name)
        return news or (same and source != known.source)

    def note_source(self, key: Key, mark: str) -> bool:
        """Record the mark of an environment's text, which is in another object; returns whether that is news."""
        known = self._sightings.get(key)
        if known is None or known.source == mark:
            return False
        self._sightings[key] = replace(known, source=mark)
        return True

    def importable(self, name: str, place: str, speller: Speller) -> list[str]:
        """Environments that `place` may import, by the names that it would use: those that an import of `name` may have
        meant. Never one that is not shared with `place`."""
        project, slash, _ = name.rpartition("/")
        if not slash:
            return [key.name for key in self._shared_with(place, dict.fromkeys((place, "")))]
        namespace = "" if project == CLUSTER_KIND else project
        if namespace not in self._names:
            namespace = speller.meant(namespace, self._names) or ""
        return [key.full_name for key in self._shared_with(place, dict.fromkeys((namespace, place, "")))]

    def _shared_with(self, place: str, namespaces: Iterable[str]) -> Iterator[Key]:
        for namespace in namespaces:
            # In order, so that the result is always the same.
            for name in nsmallest(MOST_NAMES, self._names.get(namespace, ())):
                seen = self._sightings.get(Key(namespace, name))
                if seen and seen.generation and may_import(place, namespace, seen.sharing):
                    yield seen.key

    def note_imports(self, key: Key, references: Collection[str]) -> None:
        """Record the imports of an environment, in addition to those that are known to be behind them."""
        entry = self._entries.get(key)
        behind = entry.behind.used if entry and entry.behind else ()
        named = {*references, *behind} - {BEHIND, SOURCE}
        imported = frozenset(key_of(reference, key.namespace) for reference in named)
        for gone in self._imports.get(key, frozenset()) - imported:
            self._importers[gone].discard(key)
            if not self._importers[gone]:
                del self._importers[gone]
                if gone not in self._entries:
                    self._sightings.pop(gone, None)
                    self._drop_name(gone)
        for name in imported:
            self._importers[name].add(key)
        if imported:
            self._imports[key] = imported
        else:
            self._imports.pop(key, None)

    def outdated_importers(self, key: Key) -> tuple[Key, ...]:
        """The importers of an environment that have not used its current generation, as far as they may know it."""
        return tuple(importer for importer in self._importers.get(key, ()) if self._is_outdated(importer, key))

    def _is_outdated(self, importer: Key, key: Key) -> bool:
        entry, reference = self._entries.get(importer), key.seen_from(importer.namespace)
        own = (entry.status.imports or {}) if entry else {}
        if entry and entry.behind and (then := entry.behind.used.get(reference)):
            if is_another(then, self._behind_now(importer, entry)[reference]):
                return True
            if reference not in own:
                return False
        used, known = own.get(reference), self.imported(importer, (reference,)).get(reference)
        return used is not known if used is None or known is None else is_another(used, known)

    def failed_by_outage(self) -> list[tuple[Key, CachedEnvironment]]:
        """The environments whose last attempt failed by an outage that was not observed to be over. Failures of a
        former process count, since their cause is not known."""
        return [
            (key, entry)
            for key, entry in self._entries.items()
            if entry.failed and not entry.failed.mended and entry.failed.outage is not False
        ]

    def failed_for(self, reasons: Collection[str]) -> list[tuple[Key, CachedEnvironment]]:
        """The environments whose last attempt failed for one of those reasons, and whose cause was not observed to be
        gone."""
        return [
            (key, entry)
            for key, entry in self._entries.items()
            if entry.failed
            and not entry.failed.mended
            and (told := find_condition(entry.status.conditions, REFRESHED))
            and told.reason in reasons
        ]

    def claimants(self, secret: Key) -> tuple[Key, ...]:
        """The environments with this target Secret."""
        everywhere = Key("", secret.name)  # what ClusterEscEnvironments claim
        return (*self._claimants.get(secret, ()), *self._claimants.get(everywhere, ()))

    def imported(self, importer: Key, references: Collection[str]) -> Mapping[str, Imported]:
        """The current imports of an environment, as far as they are known.

        An import that was refused to it and would be refused again counts as absent: none of its changes may show. One
        that was not refused may show although it is no longer shared: that is a change.
        """
        entry = self._entries.get(importer)
        refused = entry.refused if entry else {}
        found = self._now(importer, references, refused)
        if BEHIND in references and entry and entry.behind and entry.behind.used:
            found[BEHIND] = as_one(self._behind_now(importer, entry))
        if SOURCE in references and (own := self._sightings.get(importer)) and own.source:
            found[SOURCE] = own_source(own.source)
        return found

    def _behind_now(self, importer: Key, entry: CachedEnvironment) -> dict[str, Imported]:
        """What only its imports import, in the current state; in the used one, if nothing newer was seen."""
        behind = entry.behind or NO_USES
        now = self._now(importer, behind.used, behind.refused)
        return {
            reference: now[reference] if reference in now and is_another(used, now[reference]) else used
            for reference, used in behind.used.items()
        }

    def _now(
        self, importer: Key, references: Iterable[str], refused: Mapping[str, Collection[str]]
    ) -> dict[str, Imported]:
        seen = {reference: self._sightings.get(key_of(reference, importer.namespace)) for reference in references}
        return {
            reference: NOT_THERE if _is_hidden(sighting, refused.get(reference, ())) else sighting.as_imported
            for reference, sighting in seen.items()
            if sighting is not None
        }


def _asked_at(environment: EscEnvironment, before: RotateRequest, now: datetime) -> datetime:
    """An annotation may have been set at any time; an EscRotation says when, so that all environments with the same
    login can share the credentials that are minted for it."""
    asked = environment.rotation
    if asked is None or environment.rotate_request.annotation != before.annotation:
        return now
    return min(asked.requested_at, now)


def _is_hidden(seen: Sighting, refused_to: Collection[str]) -> bool:
    """Whether it would be refused again to all the places that it was refused to."""
    return bool(refused_to) and not any(may_import(place, seen.key.namespace, seen.sharing) for place in refused_to)
