"""Finds out which environments have another definition although nothing of themselves has changed: a ConfigMap or a
Secret holds it.

Owns the comparison of versions. The object is read in the turn of an environment that refers to it, so namespaces take
turns for that as for everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import ForbiddenError
from esc_operator.reconciliation.sync.outcome import SourceRead
from esc_operator.resources.definition_source import mark_of

if TYPE_CHECKING:
    from collections.abc import Collection

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

    def follow(self, environment: EscEnvironment) -> None:
        """From now on notice changes of the object that an environment refers to, if it does."""
        self._definitions.follow(environment)

    def forget(self, key: Key) -> None:
        self._definitions.forget(key)

    async def learn(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        """Read the object if it has another version than when it was last read. Raises KubeError."""
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

    def _on_change(self, keys: Collection[Key], version: str) -> None:
        entries = ((key, self._cache.find(key)) for key in keys)
        self._event_handlers.on_sources(
            tuple(key for key, entry in entries if entry is not None and entry.source_version != version)
        )
