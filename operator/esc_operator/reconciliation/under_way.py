"""Which evaluation holds the event loop at this moment, for whoever looks from another thread.

An evaluation is synchronous between its waits. Where it is long, or takes all memory, nothing in the loop can tell of
it any more, so it is written down before each such stretch: names only.
"""

from __future__ import annotations

import time
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from esc_operator.resources.environment import Key

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Definition:
    """What is evaluated: an environment as one object at one generation."""

    key: Key
    uid: str
    generation: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an evaluation in which it does not wait. `began` is by the clock of whoever keeps it."""

    definition: Definition
    began: float


class UnderWay:
    """`stretch` is None while no evaluation holds the loop. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.stretch: Stretch | None = None

    async def of(self, definition: Definition, work: Coroutine[Any, Any, T]) -> T:
        """Carry out an evaluation, each of whose stretches is known while it lasts."""
        return await self._drive(definition, work)

    @types.coroutine
    def _drive(self, definition: Definition, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        step: Callable[[], Any] = lambda: work.send(None)  # noqa: E731 - the first of several
        while True:
            self.stretch = Stretch(definition, self.clock())
            try:
                waits_for = step()
            except StopIteration as end:
                found: T = end.value
                return found
            finally:
                self.stretch = None
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - also a cancellation, which is for the work to see
                step = _throwing(work, error)
            else:
                step = _sending(work, sent)


def _sending(work: Coroutine[Any, Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: work.send(value)


def _throwing(work: Coroutine[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: work.throw(error)
