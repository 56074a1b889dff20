"""The port of stores: each turns a name into a definition or a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from esc_operator.lang.diagnostics import Failed

__all__ = ["AsyncStore", "Failed", "Store", "StoredDefinition"]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class StoredDefinition(NamedTuple):
    """A definition as it is stored.

    `name` is the environment's full name, the same for every import of it. Either `text` (YAML, so diagnostics have a
    line and a column) or `definition` (plain data) is set, or `service`, the service that holds the definition and
    evaluates it; `path_prefix` is the field of the resource that it is from,
    "" for a file, whose path is `file`. `generation` counts changes if the store does; else 0. `trusted` are the other
    places whose definitions may open providers as its identity; None: all. `is_confidential`: people who see messages
    about it may not be allowed to read the text. Both forms may hold plaintext secrets and never show in `repr`.
    """

    name: str
    text: str | None = None
    definition: Mapping[str, Any] | None = None
    path_prefix: str = ""
    generation: int = 0
    trusted: frozenset[str] | None = frozenset()
    file: str = ""
    is_confidential: bool = False
    service: str = ""

    def __repr__(self) -> str:
        return f"<StoredDefinition {self.name}, generation {self.generation}>"


class Store(Protocol):
    """A store that answers at once."""

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        """The environment that `name` means in an import of `importer`, or, if that is "", by itself."""


class AsyncStore(Protocol):
    """A store that waits for the network."""

    async def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        """As `Store.load`."""
