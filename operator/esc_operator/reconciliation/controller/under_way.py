"""Which evaluation holds the event loop now, and which one the thread for large work; readable from another thread.

An evaluation is synchronous between its waits. If it is long, or takes all memory, nothing in the loop can report it
any more, so its name is recorded before each such stretch. Its own tasks, such as calls of providers, count for it as
well: they inherit the context that holds the name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from esc_operator.resources.environment import Key

T = TypeVar("T")
Steps = Coroutine[Any, Any, T] | Generator[Any, Any, T]
"""What a task runs step by step."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition: one environment object at one generation."""

    key: Key
    uid: str
    generation: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an evaluation without waits. `began` is by the clock of `UnderWay`."""

    definition: Definition
    began: float


_NAME: Final[ContextVar[Definition | None]] = ContextVar("evaluated_definition", default=None)


class UnderWay:
    """`stretch` is None while no evaluation holds the loop, `large` while none has the thread for large work. `clock`
    counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.stretch: Stretch | None = None
        self.large: Stretch | None = None

    async def of(self, definition: Definition, work: Coroutine[Any, Any, T]) -> T:
        """Run an evaluation, and record each of its stretches."""
        before = _NAME.set(definition)
        try:
            found: T = await _Named(self, definition, work)
            return found
        finally:
            _NAME.reset(before)

    def make_task(
        self, loop: asyncio.AbstractEventLoop, work: Steps[T], /, *, context: Context | None = None, **more: Any
    ) -> asyncio.Task[T]:
        """A task factory for an event loop: tasks that an evaluation starts count for it."""
        definition = _NAME.get() if context is None else context.get(_NAME)
        named = work if definition is None else _Named(self, definition, work)
        return asyncio.Task(named, loop=loop, context=context, **more)

    def aside(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same work for the thread for large work, recorded for the current evaluation."""
        definition = _NAME.get()
        if definition is None:
            return work

        def named() -> T:
            self.large = Stretch(definition, self.clock())
            try:
                return work()
            finally:
                self.large = None

        return named


class _Named(Coroutine[Any, Any, T], Generator[Any, Any, T]):
    """A coroutine whose every step is a stretch. Not a generator: if that is closed before it starts, its inner
    coroutine is never awaited."""

    def __init__(self, under_way: UnderWay, definition: Definition, work: Steps[T]) -> None:
        self._under_way = under_way
        self._definition = definition
        self._work = work

    def send(self, value: Any) -> Any:
        return self._step(self._work.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._work.throw, *error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Self:
        return self

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        under_way, before = self._under_way, self._under_way.stretch
        under_way.stretch = Stretch(self._definition, under_way.clock())
        try:
            return step(*arguments)
        finally:
            under_way.stretch = before
