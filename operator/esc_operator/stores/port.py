"""What a store is: a name in, a definition or a reason why there is none out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from esc_operator.lang.diagnostics import Failed

__all__ = ["AsyncStore", "Failed", "Loaded", "Store"]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Loaded(NamedTuple):
    """A definition as it is kept.

    `name` is the environment's full name, the same whatever import led to it. Either `text` (YAML, so diagnostics have
    a line and a column) or `definition` (plain data, as a cluster keeps it) is there; `path_prefix` is the place of the
    definition in what keeps it. `generation` counts changes where the store does; 0 elsewhere. `trusted` are the other
    places whose definitions may open providers in its name; None where there is no such fence. Both forms may hold
    plaintext secrets and never show in `repr`.
    """

    name: str
    text: str | None = None
    definition: Mapping[str, Any] | None = None
    path_prefix: str = ""
    generation: int = 0
    trusted: frozenset[str] | None = frozenset()

    def __repr__(self) -> str:
        return f"<Loaded {self.name}, generation {self.generation}>"


class Store(Protocol):
    """A store that answers at once."""

    def load(self, name: str, importer: str) -> Loaded | Failed:
        """The environment that `name` means among the imports of `importer`, or, where that is "", by itself."""


class AsyncStore(Protocol):
    """A store that waits for the network."""

    async def load(self, name: str, importer: str) -> Loaded | Failed:
        """As `Store.load`."""
