"""Environments in a cluster, read with the caller's rights."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.errors import ForbiddenError, IdentityError, KubeError, NotFoundError, StoreError
from esc_operator.formats import spelling
from esc_operator.formats.spelling import Known
from esc_operator.manifests.rights import NAMESPACE as OPERATORS_NAMESPACE
from esc_operator.resources.definition_source import KeySource, PulumiSource, parse_source
from esc_operator.resources.environment import Key
from esc_operator.resources.sharing import may_import, parse_sharing, parse_trusted
from esc_operator.stores.definitions import pulumi_definition, referenced_definition, stored_definition
from esc_operator.stores.folder import IMPORT_NOT_FOUND, IMPORT_UNREADABLE
from esc_operator.stores.imports import candidates, meant_by, nothing_found, parse, place_of
from esc_operator.stores.port import Failed, StoredDefinition
from esc_operator.stores.references import CLUSTER_PROJECT, DEFAULT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class EnvironmentReader(Protocol):
    """Reads the environments of one cluster as plain dicts. Raises KubeError."""

    def read_environment(self, namespace: str, name: str) -> Mapping[str, Any]:
        """An EscEnvironment, or a ClusterEscEnvironment if the namespace is ""."""

    def read_config_map(self, namespace: str, name: str) -> Mapping[str, Any]: ...

    def read_secret(self, namespace: str, name: str) -> Mapping[str, Any]: ...

    def list_environments(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Those of a namespace, the ClusterEscEnvironments for "", or those of all namespaces for None."""


def read_existing(cluster: EnvironmentReader, key: Key) -> Mapping[str, Any]:
    """The resource of an environment. Raises StoreError, which suggests others, if it does not exist, and KubeError."""
    try:
        return cluster.read_environment(*key)
    except NotFoundError as error:
        raise ClusterStore(cluster).missing(key) from error


class ClusterStore:
    """Reads environments; a Store. `namespace` is the first place to look up a name without one."""

    def __init__(self, cluster: EnvironmentReader, namespace: str = DEFAULT_PROJECT) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._read: dict[Key, Mapping[str, Any] | None] = {}
        self._listed: dict[str | None, Sequence[tuple[Key, Mapping[str, Any]]]] = {}
        self.sources: dict[str, tuple[str, PulumiSource]] = {}
        """What was loaded that Pulumi Cloud holds, by full name: the namespace of its Secrets, and the source."""

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        """An import has to be shared with its importer, and the caller needs the right to read it as well."""
        return self._import(name, place_of(importer)) if importer else self._open(name)

    def service_account(self, name: str) -> tuple[str, str]:
        """Namespace and name of the environment's ServiceAccount. Raises EscError."""
        key, body = self._found(name)
        spec = body.get("spec") or {}
        if key.namespace:
            return key.namespace, spec.get("serviceAccountName") or "default"
        if not (account := spec.get("serviceAccount")):
            raise IdentityError(f"{key.describe()} opens logins without a ServiceAccount: set its spec.serviceAccount")
        return account["namespace"], account["name"]

    def names(self, namespace: str = "") -> list[str]:
        """The full names of all environments that the caller may list, or of those of a namespace, sorted. Raises
        KubeError."""
        if namespace:
            wanted = "" if namespace == CLUSTER_PROJECT else namespace
            return sorted(_key_of(body).full_name for body in self._cluster.list_environments(wanted))
        try:
            found = list(self._cluster.list_environments())
        except ForbiddenError:
            # Few users may list a whole cluster: list their own namespace instead.
            found = list(self._cluster.list_environments(self._namespace))
        return sorted(_key_of(body).full_name for body in [*found, *self._of_the_cluster()])

    def _of_the_cluster(self) -> Sequence[Mapping[str, Any]]:
        try:
            return self._cluster.list_environments("")
        except (ForbiddenError, NotFoundError):
            return ()  # no right to list them, or a cluster with a namespaced operator only

    def _open(self, name: str) -> StoredDefinition | Failed:
        """The requested environment: a caller who may read it may open it."""
        try:
            return self._loaded(*self._found(name))
        except StoreError as error:
            return Failed(error.message, error.reason)
        except ForbiddenError as error:
            return Failed(error.message, IMPORT_UNREADABLE)

    def _import(self, name: str, place: str) -> StoredDefinition | Failed:
        keys = candidates(name, place)
        if isinstance(keys, Failed):
            return keys
        for key in keys:
            try:
                body = self._object(key)
                if body is not None and may_import(place, key.namespace, parse_sharing(body)):
                    return self._loaded(key, body)
            except ForbiddenError as error:
                return Failed(error.message, IMPORT_UNREADABLE)
        return nothing_found(name, keys, place, self._importable(name, keys, place))

    def _found(self, name: str) -> tuple[Key, Mapping[str, Any]]:
        """The requested environment of that name. Raises StoreError, KubeError."""
        reference = parse(name)
        if isinstance(reference, Failed):
            raise StoreError(reference.message, reason=reference.reason)
        first, *others = meant_by(reference, self._namespace)
        if (body := self._object(first)) is not None:
            return first, body
        for key in others:
            # A caller without the right to read ClusterEscEnvironments most likely did not mean one.
            with contextlib.suppress(ForbiddenError):
                if (body := self._object(key)) is not None:
                    return key, body
        raise self.missing(first)

    def missing(self, key: Key) -> StoreError:
        """The error for an environment that does not exist; suggests one that the caller may list."""
        known = Known([other.full_name for other, _ in self._beside(key)], "the environments are")
        hint = spelling.hint(key.full_name, known)
        return StoreError(f'environment "{key.full_name}" not found in the cluster{hint}', reason=IMPORT_NOT_FOUND)

    def _importable(self, name: str, keys: Sequence[Key], place: str) -> list[str]:
        """The environments that `place` may import, of those that the caller may list and that `name` may mean."""
        found = [
            key
            for one in dict.fromkeys(candidate.namespace for candidate in keys)
            for key, body in self._in(one)
            if may_import(place, key.namespace, parse_sharing(body))
        ]
        return [key.full_name if "/" in name else key.name for key in found]

    def _beside(self, key: Key) -> Sequence[tuple[Key, Mapping[str, Any]]]:
        """The other environments of its namespace; if there are none, all that the caller may list."""
        return self._in(key.namespace) or self._in(None)

    def _in(self, namespace: str | None) -> Sequence[tuple[Key, Mapping[str, Any]]]:
        """The environments of a namespace, or of all; none if the caller may not list them. For suggestions only."""
        if namespace not in self._listed:
            try:
                bodies = self._cluster.list_environments(namespace)
            except KubeError:
                bodies = ()
            self._listed[namespace] = [(_key_of(body), body) for body in bodies]
        return self._listed[namespace]

    def _object(self, key: Key) -> Mapping[str, Any] | None:
        """The resource as it was first read; None if it does not exist."""
        if key not in self._read:
            try:
                self._read[key] = self._cluster.read_environment(*key)
            except NotFoundError:
                self._read[key] = None
        return self._read[key]

    def _loaded(self, key: Key, body: Mapping[str, Any]) -> StoredDefinition | Failed:
        """The definition, read with the caller's own rights wherever it is. Raises KubeError."""
        source = parse_source(body.get("spec") or {})
        generation, trusted = body["metadata"].get("generation", 0), parse_trusted(body)
        seen = (body.get("status") or {}).get("definitionNamespace")  # where the operator has found it
        place = key.namespace or seen or OPERATORS_NAMESPACE
        if isinstance(source, PulumiSource):
            self.sources[key.full_name] = place, source
            return pulumi_definition(key, source, generation=generation, trusted=trusted)
        if not isinstance(source, KeySource):
            return stored_definition(key, source, generation=generation, trusted=trusted)
        read = self._cluster.read_secret if source.is_confidential else self._cluster.read_config_map
        try:
            found = read(place, source.name)
        except NotFoundError:
            found = None
        return referenced_definition(key, source, place, found, generation=generation, trusted=trusted)


def _key_of(body: Mapping[str, Any]) -> Key:
    return Key(body["metadata"].get("namespace") or "", body["metadata"]["name"])
