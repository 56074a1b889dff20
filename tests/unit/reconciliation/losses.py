"""Any request may be lost, and the process may die at any: tries each in turn, and what it comes to is the same."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from unit.reconciliation.world import MINUTE, SECOND, World, play

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence

    from unit.reconciliation.fake_api import Call, FakeApi

W = TypeVar("W", bound=World)


def lose_each(
    calls: Mapping[int, Call],
    kind: str,
    live: Callable[[W], Coroutine[Any, Any, None]],
    make: Callable[[], W],
    check: Callable[[W], None],
) -> None:
    """Each of these requests of an undisturbed life, by their numbers, is lost once, `before` or `after` its effect."""
    for number, call in calls.items():
        world = make()
        getattr(world.api, f"lost_{kind}").add(number)
        play(live, world)
        with _noted(f"lost {kind} it took effect: {number}, {call}"):
            check(world)


def die_at_each(
    calls: Mapping[int, Call],
    live_twice: Callable[[int, W], Coroutine[Any, Any, None]],
    make: Callable[[], W],
    check: Callable[[W], None],
) -> None:
    """The process dies at each of these requests once. `live_twice` is told its number, to be `dying` at."""
    for number, call in calls.items():
        world = play(partial(live_twice, number), make())
        with _noted(f"died at {number}, {call}"):
            check(world)


@contextmanager
def dying(api: FakeApi, number: int) -> Iterator[None]:
    """Within the block nothing is answered from a request on, as if the process had died there."""

    def die(_: Call) -> None:
        api.unavailable = len(api.calls) > number

    api.before_call = die
    yield
    api.before_call, api.unavailable = (lambda _: None), False


@dataclass(frozen=True)
class Life(Generic[W]):
    """A short life with everything in it, and time after each step to make up for what was lost."""

    make: Callable[[], W]
    steps: Sequence[Callable[[W], None]]

    @cached_property
    def undisturbed(self) -> W:
        return play(self._live, self.make())

    def lose_each(self, kind: str, check: Callable[[W], None]) -> None:
        lose_each(dict(enumerate(self.undisturbed.api.calls)), kind, self._live, self.make, check)

    def die_at_each(self, check: Callable[[W], None]) -> None:
        calls = dict(enumerate(self.undisturbed.api.calls))
        asking = {number: call for number, call in calls.items() if call.verb not in {"list_page", "watch_lines"}}
        die_at_each(asking, self._live_twice, self.make, check)

    async def _live(self, world: W) -> None:
        await self._go_on(world, self.steps)

    async def _live_twice(self, number: int, world: W) -> None:
        """The same life, but the process dies at a request, and another takes over."""
        steps = list(self.steps)
        with dying(world.api, number):
            async with world.operator():
                while steps and not world.api.unavailable:
                    steps.pop(0)(world)
                    await world.settle()
                    if not world.api.unavailable:
                        await world.skip(15 * SECOND, step=SECOND)
        await self._go_on(world, steps)

    async def _go_on(self, world: W, steps: Iterable[Callable[[W], None]]) -> None:
        async with world.operator():
            for step in steps:
                step(world)
                await world.skip(15 * SECOND, step=SECOND)
            await world.skip(5 * MINUTE, step=5 * SECOND)


@contextmanager
def _noted(what: str) -> Iterator[None]:
    try:
        yield
    except AssertionError as failed:
        failed.add_note(what)
        raise
