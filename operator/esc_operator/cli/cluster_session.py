"""The port through which commands use a cluster; `kube.session` and a test's fake implement it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.cli.identities import TokenSource
from esc_operator.stores.cluster import EnvironmentReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ClusterSession(EnvironmentReader, TokenSource, Protocol):
    """A connection to one cluster. Raises KubeError."""

    def annotate_environment(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        """Set these annotations of an environment and keep all others; `namespace` is "" for a
        ClusterEscEnvironment."""

    def create_rotation(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create an EscRotation and return it as the API server stored it."""

    def read_rotation(self, name: str) -> Mapping[str, Any]: ...

    def list_namespaces(self) -> Sequence[Mapping[str, Any]]: ...
