"""Loads definitions from a store and parses them for the evaluator."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

from esc_operator.errors import EscError, ProviderError
from esc_operator.evaluation import Failed, Loaded
from esc_operator.lang import parse_object, parse_text
from esc_operator.lang.budget import Budget
from esc_operator.lang.document import service_environment

if TYPE_CHECKING:
    import asyncio

    from esc_operator.driver.slices import Slices
    from esc_operator.stores import port

_AT_ONCE: Final = 2
"""How many definitions one evaluation may have read and not parsed yet; each may be as large as the API server accepts.
"""


class Loader:
    """Loads the imports of one evaluation. The store checks each importer's access; a definition that several import is
    parsed once, and paid from the budget. With `slices` parsing does not block the event loop."""

    __slots__ = ("_budget", "_parsed", "_slices", "_turns")

    def __init__(self, budget: Budget | None = None, slices: Slices | None = None) -> None:
        self._budget: Final = budget or Budget()
        self._slices: Final = slices
        self._parsed: dict[str, Loaded] = {}
        self._turns: asyncio.Semaphore | None = None

    def load(self, store: port.Store, name: str, importer: str) -> Loaded | Failed:
        """The environment that `name` means in `importer`."""
        if self._budget.is_over:
            return Loaded(None)  # the evaluator will not use it
        try:
            return self._parse(store.load(name, importer))
        except EscError as error:
            return failed(error)

    async def load_async(self, store: port.AsyncStore, name: str, importer: str) -> Loaded | Failed:
        import asyncio

        if self._turns is None:
            self._turns = asyncio.Semaphore(_AT_ONCE)
        async with self._turns:
            with nullcontext() if self._slices is None else self._slices.unsearched():
                return await self._read(store, name, importer)

    async def _read(self, store: port.AsyncStore, name: str, importer: str) -> Loaded | Failed:
        if self._budget.is_over:
            return Loaded(None)
        try:
            work = partial(self._parse, await store.load(name, importer))
        except EscError as error:
            return failed(error)
        return work() if self._slices is None else await self._slices.run(work)

    def _parse(self, kept: port.StoredDefinition | Failed) -> Loaded | Failed:
        if isinstance(kept, Failed):
            return kept
        if known := self._parsed.get(kept.name):
            return known
        parsed = self._parsed[kept.name] = parse(kept, self._budget)
        return parsed


def parse(kept: port.StoredDefinition, budget: Budget) -> Loaded:
    """Raises `SliceOverError` if the budget works in slices."""
    if kept.service:
        return Loaded(service_environment(kept.name, kept.path_prefix, kept.service), (), kept.name)
    if kept.text is not None:
        return Loaded(*parse_text(kept.name, kept.text, budget=budget), kept.name)
    return Loaded(*parse_object(kept.name, kept.definition, kept.path_prefix, budget=budget), kept.name)


def failed(error: EscError) -> Failed:
    """The evaluator's answer for an error of the outside world."""
    answer = Failed(error.message, error.reason, retry_after=error.retry_after)
    if isinstance(error, ProviderError):
        return answer._replace(outage=error.outage, throttled=error.throttled, parts=error.parts)
    return answer
