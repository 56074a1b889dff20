"""A cluster as a backend: it reads environments and requests tokens with the user's own rights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from esc_operator.cli.identities import NoAccount, ServiceAccountIdentity
from esc_operator.cli.rotator_states import KeptStates
from esc_operator.errors import IdentityError
from esc_operator.kube.kubeconfig import read_contexts
from esc_operator.stores.cluster import ClusterStore

if TYPE_CHECKING:
    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.cli.cluster_sources import ClusterSources
    from esc_operator.cli.outside import Outside
    from esc_operator.driver.opener import Opener
    from esc_operator.providers.port import Identity


class ClusterBackend:
    """One cluster; logins use the ServiceAccount that the environment names."""

    def __init__(self, session: ClusterSession, namespace: str, organization: str) -> None:
        self.organization = organization
        self.store = ClusterStore(session, namespace)
        self._session = session
        self.states = KeptStates(session)

    def names(self, project: str = "") -> list[str]:
        return self.store.names(project)

    def sources(self, opener: Opener) -> ClusterSources:
        # Only an environment that has to be opened needs it.
        from esc_operator.cli.cluster_sources import ClusterSources

        return ClusterSources(self.store, self._session, self.identity, opener)

    def identity(self, name: str) -> Identity:
        try:
            return ServiceAccountIdentity(self._session, *self.store.service_account(name))
        except IdentityError as error:
            return NoAccount(error)  # raised where one is needed


def open_cluster(context: str, outside: Outside) -> ClusterBackend:
    """The cluster of a context, "" for the current one. Raises EscError."""
    contexts = read_contexts(outside.settings)
    chosen = contexts.resolve(context)
    return ClusterBackend(outside.open_session(chosen), contexts.namespaces[chosen], chosen)


def connect(context: str) -> ClusterSession:
    """A session with the real cluster of a context, "" for the current one. Raises EscError."""
    # Importing urllib3 takes a while.
    from esc_operator.kube.exec_plugin import Terminal
    from esc_operator.kube.session import open_session

    return open_session(context, os.environ, Terminal(is_shown=True, is_interactive=os.isatty(0)))
