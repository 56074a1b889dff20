"""Environments in a cluster, read with the rights of whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.errors import ForbiddenError, NotFoundError, StoreError
from esc_operator.stores.folder import IMPORT_NOT_FOUND, IMPORT_UNREADABLE
from esc_operator.stores.port import Failed, Loaded
from esc_operator.stores.references import DEFAULT_PROJECT, Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH_PREFIX = "spec.environment"


class EnvironmentReader(Protocol):
    """Reads EscEnvironments of one cluster as plain dicts. Raises KubeError."""

    def read_environment(self, namespace: str, name: str) -> Mapping[str, Any]: ...

    def list_environments(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Those of a namespace, or all."""


class ClusterStore:
    """Reads EscEnvironments; a Store. `namespace` is where a name without one is looked for."""

    def __init__(self, cluster: EnvironmentReader, namespace: str = DEFAULT_PROJECT) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._read: dict[tuple[str, str], Mapping[str, Any]] = {}

    def load(self, name: str, importer: str) -> Loaded | Failed:
        """Imports stay within the importer's namespace."""
        try:
            reference = parse_reference(name)
        except StoreError as error:
            return Failed(error.message, error.reason)
        own = importer.rpartition("/")[0]
        if refused := refuse_import(reference, own):
            return refused
        return self._load(reference.within(own or self._namespace))

    def service_account(self, name: str) -> tuple[str, str]:
        """The namespace and the name of the ServiceAccount that an environment acts as. Raises EscError."""
        reference = parse_reference(name).within(self._namespace)
        spec = self._object(reference.project, reference.name).get("spec") or {}
        return reference.project, spec.get("serviceAccountName") or "default"

    def names(self) -> list[str]:
        """The full names of all environments that may be listed, sorted. Raises KubeError."""
        try:
            found = self._cluster.list_environments()
        except ForbiddenError:
            # Few people may list a whole cluster; their own namespace is what they mean.
            found = self._cluster.list_environments(self._namespace)
        return sorted(f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in found)

    def _load(self, reference: Reference) -> Loaded | Failed:
        where = reference.full_name
        try:
            body = self._object(reference.project, reference.name)
        except NotFoundError:
            return Failed(f'environment "{where}" not found in the cluster', IMPORT_NOT_FOUND)
        except ForbiddenError as error:
            return Failed(f'environment "{where}": {error.message}', IMPORT_UNREADABLE)
        definition = (body.get("spec") or {}).get("environment")
        if definition is None:
            return Failed(f'environment "{where}" has no {PATH_PREFIX}', IMPORT_UNREADABLE)
        generation = body["metadata"].get("generation", 0)
        return Loaded(where, definition=definition, path_prefix=PATH_PREFIX, generation=generation)

    def _object(self, namespace: str, name: str) -> Mapping[str, Any]:
        if (namespace, name) not in self._read:
            self._read[namespace, name] = self._cluster.read_environment(namespace, name)
        return self._read[namespace, name]


def refuse_import(reference: Reference, own: str) -> Failed | None:
    if reference.version:
        return Failed(
            f'"{reference}": a cluster keeps no versions; leave "@{reference.version}" out', "VersionNotSupported"
        )
    if not own:
        return None
    if reference.organization or (reference.project and reference.project != own):
        return Failed(
            f'"{reference}" cannot be imported: imports stay within their namespace, which is "{own}" here',
            "ImportNotAllowed",
        )
    return None
