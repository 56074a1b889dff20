"""Opens the environment that a reference names, and reports its diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator import api
from esc_operator.cli.backends import is_cloud, locate, open_backend
from esc_operator.cli.opened import NotOpenedError, OpenedEnvironment
from esc_operator.cli.place import ANYWHERE, Place
from esc_operator.cli.sources import Sources
from esc_operator.errors import ConfigurationError
from esc_operator.evaluation.context import Principal
from esc_operator.stores.port import StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.cli.backends import Backend
    from esc_operator.cli.outside import Outside
    from esc_operator.lang.diagnostics import Failed
    from esc_operator.stores.port import Store
    from esc_operator.stores.references import Reference


def open_reference(reference: str, outside: Outside, place: Place = ANYWHERE) -> OpenedEnvironment:
    """Open an environment; its diagnostics go to stderr. Raises EscError, NotOpenedError if one is an error."""
    url, found = locate(reference, outside, place)
    if is_cloud(url):
        # Nothing of it is loaded for the other backends.
        from esc_operator.cli.cloud.opening import open_in_cloud
        from esc_operator.cli.configuration import read_login

        return open_in_cloud(found, read_login(url, outside.settings), outside)
    backend, name = _open_backend(url, found, outside), str(found._replace(organization=""))
    store = _RememberingStore(backend.store)
    principal = Principal(user_of(outside.settings), backend.organization)
    result = api.open(
        name,
        store,
        identity=lambda: backend.identity(name),
        settings=outside.settings,
        states=backend.states,
        sources=backend.sources,
        principal=principal,
    )
    opened = OpenedEnvironment(result.value, Sources(result.name, store.texts, store.files))
    opened.report(result.warnings if result.ok else result.diagnostics)
    if not result.ok:
        raise NotOpenedError(f"{reference} could not be opened")
    return opened


def _open_backend(url: str, reference: Reference, outside: Outside) -> Backend:
    try:
        return open_backend(url, outside)
    except ConfigurationError as error:
        from esc_operator.kube.kubeconfig import read_contexts

        if not reference.organization or reference.organization in read_contexts(outside.settings).namespaces:
            raise
        raise ConfigurationError(
            f"{error.message}; if {reference.organization} is an organization of Pulumi Cloud, log in there first: "
            "esc login https://api.pulumi.com",
            reason=error.reason,
        ) from error


def user_of(settings: Mapping[str, str]) -> str:
    """The name of the person at the terminal, as login programs set it; "" if none has."""
    return settings.get("LOGNAME") or settings.get("USER") or settings.get("USERNAME") or ""


class _RememberingStore:
    """A Store that keeps the texts it has loaded, except those of Secrets: output ends up in CI logs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.texts: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        answer = self._store.load(name, importer)
        if isinstance(answer, StoredDefinition) and answer.text is not None and not answer.is_confidential:
            self.texts[answer.name] = answer.text
            if answer.file:
                self.files[answer.name] = answer.file
        return answer
