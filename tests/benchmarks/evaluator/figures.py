"""The evaluator's figures, each printed as one JSON line.

`eval_both_ms`: with loads and opens that take 10 ms each and a driver that carries out batches concurrently; the
longest chain is a load and an open, 20 ms. `eval_cpu_ratio`: with loads and opens that take no time, in the CPU time
that PyYAML's libyaml parser takes to compose the same texts. `eval_repeat_ratio`: a second evaluation of unchanged
texts over the first; what is kept between the two is the parsed definitions, by the digest of their text.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Final

import yaml

from benchmarks.evaluator.document import cipher, documents
from esc_operator.evaluation import (
    Batch,
    Decrypt,
    Decrypted,
    Described,
    Evaluation,
    Evaluator,
    FindProvider,
    Loaded,
    LoadEnvironment,
    Mode,
    Opened,
)
from esc_operator.lang import parse_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.evaluation import Answer, Effect

FIGURES: Final = ("eval_both_ms", "eval_cpu_ratio", "eval_repeat_ratio")

_ROUNDS: Final = 40
_DELAY: Final = 0.010
_TEXTS: Final = documents()


class World:
    """Stores, providers and keys that answer after `delay` seconds; parsed definitions are kept."""

    def __init__(self, delay: float = 0) -> None:
        self._delay = delay
        self._parsed: dict[bytes, Loaded] = {}

    def load(self, name: str) -> Loaded:
        text = _TEXTS[name]
        digest = hashlib.sha256(text).digest()
        if digest not in self._parsed:
            self._parsed[digest] = Loaded(*parse_text(name, text))
        return self._parsed[digest]

    def answer(self, effect: Effect) -> Answer:
        match effect:
            case LoadEnvironment():
                return self.load(effect.name)
            case FindProvider():
                return Described()
            case Decrypt():
                return Decrypted(cipher(effect.ciphertext))
            case _:
                return Opened({"token": "opened"})

    async def answer_later(self, effect: Effect) -> Answer:
        if not isinstance(effect, FindProvider | Decrypt):
            await asyncio.sleep(self._delay)
        return self.answer(effect)


def evaluate(world: World) -> Evaluation:
    """Loads, parses and opens the document, the effects of a batch one after the other."""
    evaluator = Evaluator(world.load("root").environment, name="root", mode=Mode.OPEN)
    result = evaluator.step()
    while isinstance(result, Batch):
        result = evaluator.step({effect.id: world.answer(effect) for effect in result.effects})
    return result


async def evaluate_concurrently(world: World) -> Evaluation:
    evaluator = Evaluator(world.load("root").environment, name="root", mode=Mode.OPEN)
    result = evaluator.step()
    while isinstance(result, Batch):
        answers = await asyncio.gather(*map(world.answer_later, result.effects))
        result = evaluator.step({effect.id: answer for effect, answer in zip(result.effects, answers, strict=True)})
    return result


def compose() -> None:
    for text in _TEXTS.values():
        yaml.compose(text, Loader=yaml.CSafeLoader)


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _compared(action: Callable[[], object], unit: Callable[[], object]) -> float:
    """How much CPU the one takes in terms of the other: the best of runs in turns, which are the least disturbed."""
    pairs = [(_cpu_seconds(action), _cpu_seconds(unit)) for _ in range(_ROUNDS)]
    return min(first for first, _ in pairs) / min(second for _, second in pairs)


def _cpu_seconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def both_ms() -> float:
    times = []
    for _ in range(7):
        world = World(_DELAY)
        times.append(_seconds(lambda world=world: asyncio.run(evaluate_concurrently(world))))  # type: ignore[misc]
    return statistics.median(times) * 1000


def cpu_ratio() -> float:
    return _compared(lambda: evaluate(World()), compose)


def repeat_ratio() -> float:
    kept = World()
    evaluate(kept)
    return _compared(lambda: evaluate(kept), lambda: evaluate(World()))


_MEASURES: Final = {
    "eval_both_ms": (both_ms, "ms"),
    "eval_cpu_ratio": (cpu_ratio, "ratio"),
    "eval_repeat_ratio": (repeat_ratio, "ratio"),
}


def main(names: list[str]) -> None:
    """Measures and prints the named figures, or all of them."""
    if not evaluate(World()).ok:
        raise SystemExit("the document does not evaluate")
    for name in names or FIGURES:
        measure, unit = _MEASURES[name]
        gc.collect()
        print(json.dumps({"figure": name, "value": round(measure(), 3), "unit": unit}))


if __name__ == "__main__":
    main(sys.argv[1:])
