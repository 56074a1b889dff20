"""A folder of `<project>/<name>.yaml` files: a backend without other requirements."""

# Importing pathlib takes as long as everything else that opening a static environment needs.
# ruff: noqa: PTH118, PTH122, PTH123, PTH208

from __future__ import annotations

import contextlib
import os

from esc_operator.errors import StoreError
from esc_operator.stores.port import Failed, StoredDefinition
from esc_operator.stores.references import CLUSTER_PROJECT, DEFAULT_PROJECT, Reference, is_part, parse_reference

_SUFFIXES = (".yaml", ".yml")

IMPORT_NOT_FOUND = "ImportNotFound"
"""There is no environment of that name."""

IMPORT_UNREADABLE = "ImportUnreadable"
"""The environment exists and cannot be read."""


class FolderStore:
    """Reads environments below a folder; a Store."""

    def __init__(self, root: str) -> None:
        self.root = root

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        """Load an environment. A bare name is looked up in the importer's own project first, then, as in a cluster, in
        that of ClusterEscEnvironments, then in the project `default`."""
        try:
            reference = parse_reference(name)
        except StoreError as error:
            return Failed(error.message, error.reason)
        if refused := _refuse(reference):
            return refused
        candidates = _candidates(reference, importer)
        for candidate in candidates:
            if found := self._read(candidate):
                return found
        return self._missing(name, candidates[0])

    def names(self) -> list[str]:
        """The full names of all environments, sorted. Raises StoreError if the folder cannot be read."""
        try:
            projects = [entry.name for entry in os.scandir(self.root) if entry.is_dir() and is_part(entry.name)]
            return sorted(f"{project}/{name}" for project in projects for name in self._names_in(project))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"could not list the environments in {self.root}: {error.strerror}") from error

    def _names_in(self, project: str) -> set[str]:
        entries = os.listdir(self._path(project))
        split = (os.path.splitext(entry) for entry in entries)
        return {name for name, suffix in split if suffix in _SUFFIXES and is_part(name)}

    def _read(self, reference: Reference) -> StoredDefinition | Failed | None:
        for suffix in _SUFFIXES:
            path = self._path(reference.project, reference.name + suffix)
            try:
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                # The whole folder is one user's.
                return StoredDefinition(reference.full_name, text=text, trusted=None, file=path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except UnicodeDecodeError:
                return Failed(f"{path} is not UTF-8 text", IMPORT_UNREADABLE)
            except OSError as error:
                return Failed(f"could not read {path}: {error.strerror}", IMPORT_UNREADABLE)
        return None

    def _missing(self, name: str, tried: Reference) -> Failed:
        from esc_operator.formats.spelling import Known

        path = self._path(tried.project, tried.name + _SUFFIXES[0])
        return Failed(
            f'environment "{name}" not found: there is no file {path}',
            IMPORT_NOT_FOUND,
            wanted=name,
            known=Known(self._names_like(name, tried.project), "the environments are"),
        )

    def _names_like(self, name: str, project: str) -> list[str]:
        """The names of all environments, written as in `name`: with the project, or without that of the importer."""
        with contextlib.suppress(StoreError):
            if "/" in name:
                return self.names()
            return [one.removeprefix(f"{project}/") for one in self.names()]
        return []

    def _path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)


def _refuse(reference: Reference) -> Failed | None:
    if reference.version:
        return Failed(
            f'"{reference}": versions are not supported by a folder; leave "@{reference.version}" out',
            "VersionNotSupported",
        )
    if reference.organization:
        return Failed(
            f'"{reference}": a folder has no organizations, and none of its environments imports from Pulumi Cloud; '
            f'leave "{reference.organization}/" out',
            "InvalidReference",
        )
    return None


def _candidates(reference: Reference, importer: str) -> list[Reference]:
    if reference.project:
        return [reference]
    own = importer.rpartition("/")[0] or DEFAULT_PROJECT
    return [reference.within(project) for project in dict.fromkeys((own, CLUSTER_PROJECT, DEFAULT_PROJECT))]
