"""The loops between an evaluator and the performer of its effects.

First they perform all effects that need no waiting, without asyncio; when only effects that have to wait are left, they
perform these concurrently. The evaluation continues after each answer, so it takes as long as its longest chain, and
not as long as the sum of the slowest effects of each batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.evaluation import Batch

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
    from typing import Any

    from esc_operator.driver.slices import Slices
    from esc_operator.driver.worker import Worker
    from esc_operator.evaluation import Answer, Effect, Evaluation, Evaluator

    PerformNow = Callable[[Effect], Answer | None]
    """The answer to an effect, or None if it has to wait."""

    Step = Callable[[Mapping[int, Answer] | None], Awaitable[Batch | Evaluation]]
    """A step of the evaluator, on the loop or in a thread."""

    Perform = Callable[[Effect], Coroutine[Any, Any, Answer]]
    """The answer to an effect that has to wait. Never raises for failures of the outside world."""


def advance(
    evaluator: Evaluator, perform_now: PerformNow, answers: Mapping[int, Answer] | None = None
) -> Batch | Evaluation:
    """Continue with these answers until the end, or until every remaining effect has to wait."""
    outcome = evaluator.step(answers)
    while isinstance(outcome, Batch) and (had := _had_at_once(outcome, perform_now)):
        outcome = evaluator.step(had)
    return outcome


def _had_at_once(batch: Batch, perform_now: PerformNow) -> dict[int, Answer]:
    at_once = ((effect.id, perform_now(effect)) for effect in batch.effects)
    return {number: answer for number, answer in at_once if answer is not None}


def run(evaluator: Evaluator, perform_now: PerformNow, wait: Callable[[], Perform]) -> Evaluation:
    """Run an evaluation to its end in a process without an event loop.

    `wait` is called in an event loop, and only if some effect has to wait; until then asyncio is not imported.
    """
    outcome = advance(evaluator, perform_now)
    if not isinstance(outcome, Batch):
        return outcome
    waiting = outcome
    import asyncio

    async def step(answers: Mapping[int, Answer] | None) -> Batch | Evaluation:
        return evaluator.step(answers)

    async def go_on() -> Evaluation:
        return await _run_waiting(step, perform_now, wait(), waiting)

    return asyncio.run(go_on())


async def run_async(
    evaluator: Evaluator,
    perform_now: PerformNow,
    perform: Perform,
    worker: Worker | None = None,
    slices: Slices | None = None,
) -> Evaluation:
    """Run an evaluation to its end in an event loop, which `slices` keep free for others. Cancelling it cancels running
    effects. The worker is released while it waits.
    """

    async def step(answers: Mapping[int, Answer] | None) -> Batch | Evaluation:
        if slices is None:
            return evaluator.step(answers)
        return await slices.run(lambda: evaluator.step(answers), worker)

    return await _run_waiting(step, perform_now, perform, await _advance(step, perform_now), worker)


async def _advance(
    step: Step, perform_now: PerformNow, answers: Mapping[int, Answer] | None = None
) -> Batch | Evaluation:
    """As `advance`."""
    outcome = await step(answers)
    while isinstance(outcome, Batch) and (had := _had_at_once(outcome, perform_now)):
        outcome = await step(had)
    return outcome


async def _run_waiting(
    step: Step,
    perform_now: PerformNow,
    perform: Perform,
    outcome: Batch | Evaluation,
    worker: Worker | None = None,
) -> Evaluation:
    import asyncio

    from esc_operator.driver.worker import OwnWorker

    worker = worker or OwnWorker()
    tasks: dict[int, asyncio.Task[Answer]] = {}
    try:
        while isinstance(outcome, Batch):
            for effect in outcome.effects:
                if effect.id not in tasks:
                    tasks[effect.id] = asyncio.create_task(perform(effect))
            async with worker.away():
                await _enough(tasks.values())
            done = {number: tasks.pop(number).result() for number, task in list(tasks.items()) if task.done()}
            outcome = await _advance(step, perform_now, done)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return outcome


async def _enough(tasks: Iterable[asyncio.Task[Answer]]) -> None:
    """Wait for enough answers to continue: one of a few, a quarter of many. Every step walks all open effects."""
    import asyncio

    waiting = set(tasks)
    left = len(waiting) - max(1, len(waiting) // 4)
    while len(waiting) > left:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
