"""Opens environments of a cluster that Pulumi Cloud holds, with the user's own rights in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.driver.loading import failed
from esc_operator.driver.sharing import ANY_AGE
from esc_operator.errors import EscError, NotFoundError
from esc_operator.evaluation import Failed, Opened
from esc_operator.resources.definition_source import PULUMI, TokenSource
from esc_operator.stores.definitions import service_inputs, token_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.driver.opener import Opener
    from esc_operator.providers.port import Identity
    from esc_operator.stores.cluster import ClusterStore
    from esc_operator.stores.pulumi.service import OpenedEnvironment


class ClusterSources:
    """For one command; a `driver.sources.Sources`. Each is opened as its own ServiceAccount or with its own access
    token, for which the user needs the rights to request tokens, or to read the Secret."""

    def __init__(
        self, store: ClusterStore, session: ClusterSession, identify: Callable[[str], Identity], opener: Opener
    ) -> None:
        self._store = store
        self._session = session
        self._identify = identify
        self._opener = opener

    async def open(self, environment: str) -> Opened | Failed:
        try:
            return await self._open(environment)
        except EscError as error:
            return failed(error)

    async def _open(self, environment: str) -> Opened | Failed:
        place, source = self._store.sources[environment]
        token = ""
        if isinstance(source.access, TokenSource):
            try:
                body = self._session.read_secret(place, source.access.name)
            except NotFoundError:
                body = None
            found = token_at(source, source.access, place, body)
            if isinstance(found, Failed):
                return found
            token = found
        answer = await self._opener.open_service(
            PULUMI, service_inputs(source, token), self._identify(environment), ANY_AGE
        )
        if isinstance(answer, Failed):
            return answer
        opened: OpenedEnvironment = answer.value
        return Opened(opened.value, opened.lease, secret=False, login=answer.login, organization=source.organization)
