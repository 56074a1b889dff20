"""Reads the definitions of environments, wherever they are, and follows the objects that hold some of them, or hold
access tokens to them.

Owns which object an environment refers to. Only that one is read, by its name. Invariant: an object that does not
exist, or holds no definition, is a result and not an error: it may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.errors import NotFoundError
from esc_operator.kube.paths import CONFIG_MAPS, SECRETS
from esc_operator.kube.source_informer import RESOURCES, SourceInformer, WatchedObject
from esc_operator.reconciliation.sync.outcome import SourceRead
from esc_operator.resources import reasons
from esc_operator.resources.definition_source import (
    FIELDS,
    REFERENCE_FIELD,
    KeySource,
    PulumiSource,
    TokenExchange,
    TokenSource,
    mark_of,
)
from esc_operator.resources.environment import Key
from esc_operator.stores.definitions import pulumi_definition, referenced_definition, stored_definition, token_at
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.definition_source import DefinitionSource
    from esc_operator.resources.environment import EscEnvironment


class ReadDefinition(NamedTuple):
    """A definition, or why there is none. `source` is what was read of the object that holds it, or the access token to
    it; None if there is no such object. `size` counts the bytes of that object, and `token` is the access token."""

    stored: StoredDefinition | Failed
    source: SourceRead | None = None
    size: int = 0
    token: str = ""

    def __repr__(self) -> str:
        return f"<ReadDefinition {self.stored!r}>"


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
        if isinstance(source, PulumiSource):
            stored = pulumi_definition(key, source, generation=generation, trusted=trusted)
            if isinstance(source.access, TokenExchange):
                return ReadDefinition(stored)
            return await self._with_token(key, source, source.access, stored)
        if not isinstance(source, KeySource):
            return ReadDefinition(stored_definition(key, source, generation=generation, trusted=trusted))
        one = self._object_of(key, source)
        if one is None:
            return ReadDefinition(_NOWHERE)
        body, size = await self._read(one)
        found = referenced_definition(key, source, one.key.namespace, body, generation=generation, trusted=trusted)
        text = found.message if isinstance(found, Failed) else found.text or ""
        return ReadDefinition(found, _read_of(key, one, body, text), size)

    async def _with_token(
        self, key: Key, source: PulumiSource, access: TokenSource, stored: StoredDefinition
    ) -> ReadDefinition:
        """The definition, with the access token that a Secret of its own namespace holds. Raises KubeError."""
        one = self._object_of(key, source)
        if one is None:
            return ReadDefinition(_NOWHERE)
        body, size = await self._read(one)
        token = token_at(source, access, one.key.namespace, body)
        if isinstance(token, Failed):
            return ReadDefinition(token, _read_of(key, one, body, token.message), size)
        return ReadDefinition(stored, _read_of(key, one, body, token), size, token)

    async def _read(self, one: WatchedObject) -> tuple[Mapping[str, Any] | None, int]:
        """An object, None if it does not exist, and its size in bytes. Raises KubeError."""
        try:
            return await self._api.read_sized(RESOURCES[one.plural], *one.key)
        except NotFoundError:
            return None, 0

    def follow(self, environment: EscEnvironment, read: Collection[WatchedObject] = ()) -> None:
        """Follow the object that an environment refers to, if it does, and those that its values were read from."""
        one = self._object_of(environment.key, environment.source)
        self.informer.want(environment.key, *read, *((one,) if one else ()))

    def forget(self, key: Key) -> None:
        """The environment is gone."""
        self.informer.want(key)

    def version(self, environment: EscEnvironment) -> str | None:
        """The version of the object that it refers to, as far as the watch has brought it; see `SourceInformer`."""
        one = self._object_of(environment.key, environment.source)
        return self.informer.version(one) if one else None

    def _object_of(self, key: Key, source: DefinitionSource | None) -> WatchedObject | None:
        namespace = key.namespace or self._home
        if isinstance(source, PulumiSource) and isinstance(source.access, TokenSource):
            resource, name = SECRETS, source.access.name
        elif isinstance(source, KeySource):
            resource, name = SECRETS if source.is_confidential else CONFIG_MAPS, source.name
        else:
            return None
        return WatchedObject(resource.plural, Key(namespace, name)) if namespace else None


def _read_of(key: Key, one: WatchedObject, body: Mapping[str, Any] | None, found: str) -> SourceRead:
    """The read of an object for an environment; `found` is what was wanted of it, or why that is not there."""
    metadata = body["metadata"] if body else {}
    namespace = "" if key.namespace else one.key.namespace
    return SourceRead(mark_of(metadata.get("uid", ""), found), metadata.get("resourceVersion", ""), namespace)


_NOWHERE = Failed(
    f"spec.{REFERENCE_FIELD}: a ClusterEscEnvironment refers to an object in the operator's own namespace, and this "
    f"operator has none: run it in the cluster, or with --lease-namespace, or use spec.{FIELDS[1]}",
    reasons.INVALID_SPEC,
)
