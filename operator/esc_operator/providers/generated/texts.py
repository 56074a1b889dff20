"""A rotator that generates a text; what it generates is a function of its inputs and a source of random numbers."""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import InputProblem, Opened, Rotated
from esc_operator.providers import reasons
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.rotating import next_state, not_rotated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from esc_operator.evaluation import Login
    from esc_operator.providers.port import OpenContext

TEXTS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "current": {**SECRET, "description": "The latest one."},
        "previous": {**SECRET, "description": "The one before."},
    },
}
"""The state and the outputs."""


class GeneratedText:
    """`random` is the operating system's source, which is fit for secrets. Nothing of a generated text is kept here."""

    name: ClassVar[str]
    inputs: ClassVar[Mapping[str, Any]]
    state: ClassVar[Mapping[str, Any]] = TEXTS
    outputs: ClassVar[Mapping[str, Any]] = TEXTS
    host_inputs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or SystemRandom()

    def generate(self, inputs: Mapping[str, Any], random: Random) -> str:
        """A new text, for inputs without a problem."""
        raise NotImplementedError

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        raise NotImplementedError

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None: it makes no request."""
        return None

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it presents no identity."""
        return None

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        if state is None or "current" not in state:
            raise not_rotated(self.name)
        return Opened(value=dict(state), lease=None, secret=True)

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        refuse(self.problems(inputs))
        return Rotated(next_state(state, self.generate(inputs, self._random)), secret=True)


def whole_number_problems(inputs: Mapping[str, Any], *names: str) -> Iterator[InputProblem]:
    """The schema has numbers, of which a half cannot be counted."""
    for name in names:
        number = inputs.get(name)
        if isinstance(number, float) and not number.is_integer():
            yield InputProblem((name,), f"`{name}` is not a whole number: write one", reasons.INVALID_INPUTS)
