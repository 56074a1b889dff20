"""Reads the definitions of environments, wherever they are, and follows the objects that hold some of them.

Owns which object an environment refers to. Only that one is read, by its name. Invariant: an object that does not
exist, or holds no definition, is a result and not an error: it may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import NotFoundError
from esc_operator.kube.paths import CONFIG_MAPS, SECRETS
from esc_operator.kube.source_informer import SourceInformer, WatchedObject
from esc_operator.reconciliation.sync.outcome import SourceRead
from esc_operator.resources import reasons
from esc_operator.resources.definition_source import FIELDS, REFERENCE_FIELD, KeySource, mark_of
from esc_operator.resources.environment import Key
from esc_operator.stores.definitions import referenced_definition, stored_definition
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.definition_source import DefinitionSource
    from esc_operator.resources.environment import EscEnvironment


class ReadDefinition(NamedTuple):
    """A definition, or why there is none. `source` is what was read of the object that holds it, None if it is in the
    environment itself; `size` counts the bytes of that object."""

    stored: StoredDefinition | Failed
    source: SourceRead | None = None
    size: int = 0


class Definitions:
    """`home` is the operator's own namespace, "" if it has none: ClusterEscEnvironments refer to objects in it."""

    def __init__(self, api: KubeApi, informer: SourceInformer | None = None, home: str = "") -> None:
        self._api = api
        self.informer = informer or SourceInformer(api)
        self._home = home

    async def read(
        self,
        key: Key,
        source: DefinitionSource | None,
        *,
        generation: int = 0,
        trusted: frozenset[str] = frozenset(),
    ) -> ReadDefinition:
        """The definition of an environment. Raises KubeError if it is in an object that cannot be read."""
        if not isinstance(source, KeySource):
            return ReadDefinition(stored_definition(key, source, generation=generation, trusted=trusted))
        one = self._object_of(key, source)
        if one is None:
            return ReadDefinition(_NOWHERE)
        body, size = None, 0
        try:
            resource = SECRETS if source.is_confidential else CONFIG_MAPS
            body, size = await self._api.read_sized(resource, *one.key)
        except NotFoundError:
            pass
        stored = referenced_definition(key, source, one.key.namespace, body, generation=generation, trusted=trusted)
        found = stored.message if isinstance(stored, Failed) else stored.text or ""
        metadata = body["metadata"] if body else {}
        mark = mark_of(metadata.get("uid", ""), found)
        namespace = "" if key.namespace else one.key.namespace
        return ReadDefinition(stored, SourceRead(mark, metadata.get("resourceVersion", ""), namespace), size)

    def follow(self, environment: EscEnvironment) -> None:
        """Follow the object that an environment refers to, if it does."""
        self.informer.want(environment.key, self._object_of(environment.key, environment.source))

    def forget(self, key: Key) -> None:
        """The environment is gone."""
        self.informer.want(key, None)

    def version(self, environment: EscEnvironment) -> str | None:
        """The version of the object that it refers to, as far as the watch has brought it; see `SourceInformer`."""
        one = self._object_of(environment.key, environment.source)
        return self.informer.version(one) if one else None

    def _object_of(self, key: Key, source: DefinitionSource | None) -> WatchedObject | None:
        namespace = key.namespace or self._home
        if not isinstance(source, KeySource) or not namespace:
            return None
        plural = SECRETS.plural if source.is_confidential else CONFIG_MAPS.plural
        return WatchedObject(plural, Key(namespace, source.name))


_NOWHERE = Failed(
    f"spec.{REFERENCE_FIELD}: a ClusterEscEnvironment refers to an object in the operator's own namespace, and this "
    f"operator has none: run it in the cluster, or with --lease-namespace, or use spec.{FIELDS[1]}",
    reasons.INVALID_SPEC,
)
