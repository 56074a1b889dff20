"""For which namespace a request to the API server is made: that of the environment at work, whatever it reads.

The path does not say: imports are read in another namespace, and must not count against that namespace.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, Protocol

ASKER: Final[ContextVar[str]] = ContextVar("asker", default="")
"""Set when the work on an environment starts, for its task and the tasks that it starts. "" is the operator itself, and
cluster-scoped objects."""


class Places(Protocol):
    """Places for running requests, which namespaces take by turns."""

    async def enter(self, tenant: str) -> None:
        """Wait for a place."""

    def leave(self, tenant: str) -> None:
        """Give it back."""


class Unbounded:
    """Unlimited places: namespaces take no turns."""

    async def enter(self, tenant: str) -> None:
        """Return at once."""

    def leave(self, tenant: str) -> None:
        """Do nothing."""
