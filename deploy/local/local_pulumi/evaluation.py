"""Evaluates the environments of one organization with the operator's own evaluator.

Owns the answers that are kept: one of an unchanged revision is given again if its imports are unchanged and nothing in
it was opened. Knows nothing of HTTP.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from esc_operator import api
from esc_operator.driver.catalogue import Catalogue
from esc_operator.errors import StoreError
from esc_operator.evaluation.context import Principal
from esc_operator.providers.port import Identity
from esc_operator.stores.port import Failed, StoredDefinition
from esc_operator.stores.references import parse_reference, project_of
from local_pulumi.environments import Environment
from local_pulumi.refusals import RefusedError, not_found

Find = Callable[[str, str], Environment | None]
"""The environment of an organization, by `project/name`."""


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and for whom. `revision` is 0 for an anonymous text, whose answer is not kept."""

    organization: str
    name: str
    revision: int
    text: str
    login: str

    def __repr__(self) -> str:
        return f"Subject({self.organization}/{self.name}@{self.revision})"


class _Definitions:
    """A store: the environments of one organization, as one evaluation reads them. Remembers which revisions those
    were."""

    def __init__(self, find: Find, subject: Subject) -> None:
        self._find = find
        self._subject = subject
        self.read: dict[tuple[str, str], str] = {}

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        if not importer:
            return StoredDefinition(self._subject.name, text=self._subject.text, trusted=None)
        mark, loaded = self._load(name, importer)
        self.read[name, importer] = mark
        return loaded

    def is_unchanged(self, read: Mapping[tuple[str, str], str]) -> bool:
        for name, importer in read:
            self.load(name, importer)
        return self.read == read

    def _load(self, name: str, importer: str) -> tuple[str, StoredDefinition | Failed]:
        """Which revision of which environment it is, or why none, and the definition."""
        try:
            reference = parse_reference(name).within(project_of(importer) or "default")
            environment = self._find(self._subject.organization, reference.full_name)
            if environment is None or reference.organization not in {"", self._subject.organization}:
                raise not_found(f"environment '{name}'")
            revision = environment.resolve(reference.version)
        except (StoreError, RefusedError) as error:
            return error.message, Failed(error.message, "ImportNotFound")
        pinned = f"@{reference.version}" if reference.version else ""
        definition = StoredDefinition(f"{environment.name}{pinned}", text=revision.plain, trusted=None)
        return f"{environment.id}#{revision.number}", definition


class Evaluations:
    """`settings` are the environment variables as providers see them, such as AWS_ENDPOINT_URL."""

    def __init__(self, find: Find, catalogue: Catalogue, identity: Callable[[str, str], Identity]) -> None:
        self._find = find
        self._identity = identity
        self._lock = threading.Lock()
        self._kept: dict[Subject, tuple[api.Result, dict[tuple[str, str], str]]] = {}
        self.catalogue = catalogue
        self.settings: dict[str, str] = {}
        self.evaluated = 0
        """How often something was evaluated, so that tests see what is kept."""

    def check(self, subject: Subject) -> api.Result:
        definitions = _Definitions(self._find, subject)
        return api.check(subject.name, definitions, catalogue=self.catalogue, principal=_principal(subject))

    def open(self, subject: Subject) -> api.Result:
        definitions = _Definitions(self._find, subject)
        with self._lock:
            kept = self._kept.get(subject)
        if kept is not None and definitions.is_unchanged(kept[1]):
            return kept[0]
        result = api.open(subject.name, definitions, **self._arguments(subject))
        with self._lock:
            self.evaluated += 1
            if subject.revision and result.ok and not result.opens:
                self._kept[subject] = result, definitions.read
        return result

    def rotate(self, subject: Subject, paths: list[str]) -> api.Result:
        definitions = _Definitions(self._find, subject)
        return api.rotate(subject.name, definitions, paths=paths, **self._arguments(subject))

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()

    def _arguments(self, subject: Subject) -> dict[str, Any]:
        return {
            "identity": lambda: self._identity(subject.organization, subject.name),
            "settings": self.settings,
            "catalogue": self.catalogue,
            "principal": _principal(subject),
        }


def _principal(subject: Subject) -> Principal:
    return Principal(subject.login, subject.organization)
