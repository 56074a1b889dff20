"""The port that stores the states of rotators outside of their definitions; a host of evaluations implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.evaluation import Secret, Value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from esc_operator.evaluation import Failed, Rotated

    Keep = Callable[[Mapping[str, Any]], Awaitable[None]]
    """Stores a state with an intention (`providers.port.Intends`), before anything is done. Raises EscError."""

    Make = Callable[[Mapping[str, Any] | None, Keep], Awaitable[Rotated | Failed]]
    """Rotates, from the stored state, or from None if the definition's own is the latest."""


class RotatorStates(Protocol):
    """The states for one evaluation, by environment and by the path of the call. Every method raises EscError."""

    @property
    def rotates(self) -> bool:
        """Whether the environment's own rotators have to make new secrets in this evaluation."""

    async def find(self, environment: str, path: str) -> Mapping[str, Any] | None:
        """The stored state; None if the definition's own is the latest."""

    async def renew(self, environment: str, path: str, make: Make) -> Rotated | Failed:
        """A new state, stored before it is returned. If this request already made one, that one is returned."""


def plain_state(state: Any) -> Any:
    """A rotator's answer as JSON, with secrets revealed, to be stored."""
    match state:
        case Secret():
            return plain_state(state.value)
        case Value():
            return state.reveal()
        case dict():
            return {key: plain_state(value) for key, value in state.items()}
        case list() | tuple():
            return [plain_state(value) for value in state]
        case _:
            return state
