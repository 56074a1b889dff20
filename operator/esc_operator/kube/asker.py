"""For which namespace the API server is asked: the one whose environment is worked on, whatever it reads.

A path would not tell it: what one namespace imports from another is read there, and must not be held against it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, Protocol

ASKER: Final[ContextVar[str]] = ContextVar("asker", default="")
"""Set by whoever begins to work on an environment, for the task and for those that it starts. "" is the operator
itself, and what belongs to the whole cluster."""


class Places(Protocol):
    """Requests that may be under way, which namespaces take by turns."""

    async def enter(self, tenant: str) -> None:
        """Wait for a place."""

    def leave(self, tenant: str) -> None:
        """Give it back."""


class Unbounded:
    """Where nobody has to take turns."""

    async def enter(self, tenant: str) -> None:
        """There is always a place."""

    def leave(self, tenant: str) -> None:
        """Nobody waits for it."""
