"""Where the states of rotators are kept beside their definitions: the port that a host of evaluations implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.evaluation import Secret, Value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from esc_operator.evaluation import Failed, Rotated

    Make = Callable[[Mapping[str, Any] | None], Awaitable[Rotated | Failed]]
    """Rotates, from the state that is kept, or None where the definition's own is the last one."""


class RotatorStates(Protocol):
    """The states for one evaluation, by environment and by the path of the call. Every method raises EscError."""

    @property
    def rotates(self) -> bool:
        """Whether the environment's own rotators have to make new secrets in this evaluation."""

    async def find(self, environment: str, path: str) -> Mapping[str, Any] | None:
        """The state that is kept; None where that of the definition is the last one."""

    async def renew(self, environment: str, path: str, make: Make) -> Rotated | Failed:
        """A new state, kept before it is answered: what was made already for what asks now is not made again."""


def plain_state(state: Any) -> Any:
    """A rotator's answer as JSON, secrets revealed: for whoever keeps it."""
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
