"""Which store a command reads from, and with which identity: chosen by login, a setting, or the reference itself."""

# ruff: noqa: PTH100, PTH111 - importing pathlib takes longer than opening an environment
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from esc_operator.cli.configuration import CLOUD_SCHEMES, read_backend
from esc_operator.cli.place import ANYWHERE, Place
from esc_operator.errors import ConfigurationError
from esc_operator.stores.references import parse_reference, project_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.cli.outside import Outside
    from esc_operator.driver.opener import Opener
    from esc_operator.driver.rotator_states import RotatorStates
    from esc_operator.driver.sources import Sources
    from esc_operator.providers.port import Identity
    from esc_operator.stores.folder import FolderStore
    from esc_operator.stores.port import Store
    from esc_operator.stores.references import Reference

FOLDER = "file://"
CLUSTER = "kubernetes://"

CHOICES = """\
  esc login file://PATH            a folder of <project>/<name>.yaml files
  esc login kubernetes://CONTEXT   the EscEnvironments of a cluster, by a context of your kubeconfig
  esc login https://api.pulumi.com Pulumi Cloud, or the URL of another one"""


class Backend(Protocol):
    """A place that environments come from."""

    @property
    def store(self) -> Store: ...

    @property
    def states(self) -> RotatorStates | None:
        """The states of rotators, if the backend stores any."""

    @property
    def sources(self) -> Callable[[Opener], Sources] | None:
        """What opens environments that a service holds, if the backend has any."""

    @property
    def organization(self) -> str:
        """What stands for the backend before the first slash of a reference."""

    def names(self, project: str = "") -> list[str]:
        """The full names of all environments, or of those of a project, sorted. Raises EscError."""

    def identity(self, name: str) -> Identity:
        """The identity that opens the environment of that name. Raises EscError."""


class FolderBackend:
    """A folder; logins use a token from a file, and only files of the folder are read."""

    states = None
    sources = None
    organization = "default"

    def __init__(self, store: FolderStore, settings: Mapping[str, str]) -> None:
        self.store = store
        self._settings = settings

    def names(self, project: str = "") -> list[str]:
        return [name for name in self.store.names() if not project or project_of(name) == project]

    def identity(self, name: str) -> Identity:
        # A static environment needs no providers and tokens.
        from esc_operator.cli.identities import FolderIdentity

        return FolderIdentity(self._settings, self.store.root)


def locate(text: str, outside: Outside, place: Place = ANYWHERE) -> tuple[str, Reference]:
    """The backend of a reference, as a URL, and the reference as that backend reads it. Raises EscError.

    An organization is a kubeconfig context and needs no login, unless the login is to Pulumi Cloud, which has
    organizations of its own; `--context` then leads to a cluster.
    """
    reference = place.complete(parse_reference(text))
    if place.context or not is_cloud(url := read_backend(outside.settings)):
        return backend_url(reference.organization, outside), reference
    return url, reference


def backend_url(context: str, outside: Outside) -> str:
    """The backend of a kubeconfig context; without one, that of the login. Raises ConfigurationError."""
    return f"{CLUSTER}{context}" if context else read_backend(outside.settings)


def is_cloud(url: str) -> bool:
    """Whether a backend is Pulumi Cloud, or is meant to be."""
    return url.startswith(CLOUD_SCHEMES)


def open_backend(url: str, outside: Outside) -> Backend:
    """The folder or the cluster of a URL. Raises ConfigurationError if the URL names none."""
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
    return ConfigurationError(f'"{url}" is not a backend; use one of\n{CHOICES}')
