"""Which store a command reads from, and with which identity: chosen by login, a setting, or the reference itself."""

# ruff: noqa: PTH100, PTH111 - importing pathlib takes longer than opening an environment
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from esc_operator.cli.configuration import read_backend
from esc_operator.errors import ConfigurationError
from esc_operator.stores.references import parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.cli.outside import Outside
    from esc_operator.driver.rotator_states import RotatorStates
    from esc_operator.providers.port import Identity
    from esc_operator.stores.folder import FolderStore
    from esc_operator.stores.port import Store
    from esc_operator.stores.references import Reference

FOLDER = "file://"
CLUSTER = "kubernetes://"

CHOICES = """\
  esc login file://PATH            a folder of <project>/<name>.yaml files
  esc login kubernetes://CONTEXT   the EscEnvironments of a cluster, by a context of your kubeconfig"""


class Backend(Protocol):
    """A place that environments come from."""

    @property
    def store(self) -> Store: ...

    @property
    def states(self) -> RotatorStates | None:
        """The states of rotators, if the backend stores any."""

    def names(self) -> list[str]:
        """The full names of all environments, sorted. Raises EscError."""

    def identity(self, name: str) -> Identity:
        """The identity that opens the environment of that name. Raises EscError."""


class FolderBackend:
    """A folder; logins use a token from a file."""

    states = None

    def __init__(self, store: FolderStore, settings: Mapping[str, str]) -> None:
        self.store = store
        self._settings = settings

    def names(self) -> list[str]:
        return self.store.names()

    def identity(self, name: str) -> Identity:
        # A static environment needs no providers and tokens.
        from esc_operator.cli.identities import TokenFileIdentity

        return TokenFileIdentity(self._settings)


def resolve(text: str, outside: Outside) -> tuple[Backend, str]:
    """The backend of a reference, and its name there. Raises EscError.

    An organization is a kubeconfig context and needs no login.
    """
    reference = parse_reference(text)
    if reference.organization:
        return open_backend(f"{CLUSTER}{reference.organization}", outside), _without_organization(reference)
    return open_backend(read_backend(outside.settings), outside), text


def open_backend(url: str, outside: Outside) -> Backend:
    """The backend of a URL. Raises ConfigurationError if the URL names none."""
    if url.startswith(FOLDER):
        from esc_operator.stores.folder import FolderStore

        return FolderBackend(FolderStore(folder_path(url)), outside.settings)
    if url.startswith(CLUSTER):
        from esc_operator.cli.cluster import open_cluster

        return open_cluster(url.removeprefix(CLUSTER), outside)
    raise unsupported(url)


def folder_path(url: str) -> str:
    return os.path.abspath(os.path.expanduser(url.removeprefix(FOLDER)))


def unsupported(url: str) -> ConfigurationError:
    if url.startswith(("http://", "https://")):
        return ConfigurationError(f"{url}: environments in Pulumi Cloud are not available; use one of\n{CHOICES}")
    return ConfigurationError(f'"{url}" is not a backend; use one of\n{CHOICES}')


def _without_organization(reference: Reference) -> str:
    version = f"@{reference.version}" if reference.version else ""
    return f"{reference.project}/{reference.name}{version}"
