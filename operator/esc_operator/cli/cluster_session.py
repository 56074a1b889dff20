"""What commands ask of a cluster: the port that `kube.session` serves, and a test's fake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.cli.identities import TokenSource
from esc_operator.stores.cluster import EnvironmentReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ClusterSession(EnvironmentReader, TokenSource, Protocol):
    """A connection to one cluster. Raises KubeError."""

    def annotate_environment(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        """Set annotations of an environment, one of the cluster where `namespace` is "", and leave all others."""

    def create_rotation(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The EscRotation as it was created."""

    def read_rotation(self, name: str) -> Mapping[str, Any]: ...

    def list_namespaces(self) -> Sequence[Mapping[str, Any]]: ...

    def read_secret(self, namespace: str, name: str) -> Mapping[str, Any]: ...
