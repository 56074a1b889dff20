"""The port for environments that a service holds and evaluates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from esc_operator.evaluation import Failed, Opened


class Sources(Protocol):
    """Opens such environments for one evaluation, each as whom its own spec names, whoever imports it."""

    async def open(self, environment: str) -> Opened | Failed:
        """The value of an environment that the store of this evaluation has loaded, by its full name. Never raises for
        failures of the outside world."""
