"""Finds out which environments have another definition, or other values, although nothing of themselves has changed: a
ConfigMap or a Secret holds them.

Owns the comparison of versions. The object is read in the turn of an environment that refers to it, so namespaces take
turns for that as for everything else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from esc_operator.errors import ForbiddenError
from esc_operator.reconciliation.opening.read_objects import read_objects
from esc_operator.reconciliation.sync.outcome import SourceRead
from esc_operator.resources.definition_source import mark_of
from esc_operator.resources.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Collection

    from esc_operator.kube.source_informer import WatchedObject
    from esc_operator.reconciliation.controller.event_handlers import EventHandlers
    from esc_operator.reconciliation.opening.definitions import Definitions
    from esc_operator.reconciliation.sync.cache import Cache, CachedEnvironment
    from esc_operator.resources.environment import EscEnvironment, Key


class SourceChanges:
    def __init__(self, definitions: Definitions, cache: Cache, event_handlers: EventHandlers) -> None:
        self._definitions = definitions
        self._cache = cache
        self._event_handlers = event_handlers
        definitions.informer.listen(self._on_change)

    def follow(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        """From now on notice changes of the object that an environment refers to, if it does, and of those that its
        values were read from."""
        self._definitions.follow(environment, read_objects(environment.account, entry.status).keys())

    def follow_read(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        """As `follow`, after it was opened. What has changed since it was read is read again."""
        self.follow(environment, entry)
        if self._newer(entry):
            self._event_handlers.on_sources((environment.key,))

    def forget(self, key: Key) -> None:
        self._definitions.forget(key)

    async def learn(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        """Have values read again that are of an object with another version, and read the object with the definition
        if it has another one than when it was last read. Raises KubeError."""
        if newer := self._newer(entry):
            entry.noticed |= newer
            # As if the interval had elapsed: logins whose values are still valid are shared.
            entry.read_at -= environment.refresh.interval
            if entry.failed is not None:
                entry.failed = replace(entry.failed, mended=True)
        await self._learn_definition(environment, entry)

    async def _learn_definition(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        version = self._definitions.version(environment)
        if version is None or version == entry.source_version:
            return
        try:
            read = (await self._definitions.read(environment.key, environment.source)).source
        except ForbiddenError as error:  # opening it reports that
            read = SourceRead(mark_of("", error.reason), version)
        if read is not None:
            entry.source_version = read.version
            self._event_handlers.note_source(environment.key, read.mark)

    def _newer(self, entry: CachedEnvironment) -> dict[WatchedObject, str]:
        """The objects that its values were read from and that have another version, which was not noticed yet."""
        read = read_objects(entry.account, entry.status)
        entry.noticed = {one: version for one, version in entry.noticed.items() if one in read}
        versions = {one: self._definitions.informer.version(one) for one in read}
        return {
            one: version
            for one, version in versions.items()
            if version is not None and version != entry.noticed.get(one) and _is_news(version, read[one])
        }

    def _on_change(self, keys: Collection[Key], one: WatchedObject, version: str) -> None:
        found = ((key, entry) for key in keys if (entry := self._cache.find(key)) is not None)
        self._event_handlers.on_sources(
            tuple(key for key, entry in found if one in self._newer(entry) or self._is_definition(one, entry, version))
        )

    @staticmethod
    def _is_definition(one: WatchedObject, entry: CachedEnvironment, version: str) -> bool:
        """Whether another text may be in an object of which no value is."""
        return one not in read_objects(entry.account, entry.status) and entry.source_version != version


def _is_news(version: str, read: str) -> bool:
    """Whether the watch is not merely behind what was read; "" stands for an object that is gone."""
    return version != read and not (version and is_older(version, read))
