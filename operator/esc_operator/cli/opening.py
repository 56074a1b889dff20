"""Opens the environment that a reference names, and reports its diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator import api
from esc_operator.cli.backends import resolve
from esc_operator.cli.place import ANYWHERE, Place
from esc_operator.cli.sources import Sources
from esc_operator.errors import EscError
from esc_operator.evaluation.context import Principal
from esc_operator.stores.port import StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from esc_operator.cli.outside import Outside
    from esc_operator.evaluation.values import Value
    from esc_operator.lang.diagnostics import Diagnostic, Failed
    from esc_operator.stores.port import Store


class NotOpenedError(EscError):
    """An environment has errors, which were already reported."""

    default_reason = "InvalidDefinition"


class OpenedEnvironment:
    """An opened environment, and what its diagnostics point into."""

    def __init__(self, value: Value, sources: Sources) -> None:
        self.value = value
        self._sources = sources

    def report(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Write diagnostics to stderr."""
        if found := tuple(diagnostics):
            from esc_operator.cli.redaction import secrets_of
            from esc_operator.cli.reporting import report

            report(found, self._sources, secrets_of(self.value) if self.value.contains_secrets else None)


def open_reference(reference: str, outside: Outside, place: Place = ANYWHERE) -> OpenedEnvironment:
    """Open an environment; its diagnostics go to stderr. Raises EscError, NotOpenedError if one is an error."""
    backend, name = resolve(reference, outside, place)
    store = _RememberingStore(backend.store)
    principal = Principal(user_of(outside.settings), backend.organization)
    result = api.open(
        name,
        store,
        identity=lambda: backend.identity(name),
        settings=outside.settings,
        states=backend.states,
        principal=principal,
    )
    opened = OpenedEnvironment(result.value, Sources(result.name, store.texts, store.files))
    opened.report(result.warnings if result.ok else result.diagnostics)
    if not result.ok:
        raise NotOpenedError(f"{reference} could not be opened")
    return opened


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
