"""From what a store keeps to what the evaluator takes: definitions are parsed here, on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import EscError
from esc_operator.evaluation import Failed, Loaded
from esc_operator.lang import parse_object, parse_text

if TYPE_CHECKING:
    from esc_operator.stores import port


class Loader:
    """Loads what one evaluation imports. Whoever asks, the store is asked whether they may have it; what is the same
    for all is parsed once."""

    __slots__ = ("_parsed",)

    def __init__(self) -> None:
        self._parsed: dict[str, Loaded] = {}

    def load(self, store: port.Store, name: str, importer: str) -> Loaded | Failed:
        """The environment that `importer` calls `name`."""
        try:
            return self._parse(store.load(name, importer))
        except EscError as error:
            return failed(error)

    async def load_async(self, store: port.AsyncStore, name: str, importer: str) -> Loaded | Failed:
        try:
            return self._parse(await store.load(name, importer))
        except EscError as error:
            return failed(error)

    def _parse(self, kept: port.Loaded | Failed) -> Loaded | Failed:
        if isinstance(kept, Failed):
            return kept
        if known := self._parsed.get(kept.name):
            return known
        parsed = self._parsed[kept.name] = parse(kept)
        return parsed


def parse(kept: port.Loaded) -> Loaded:
    if kept.text is not None:
        return Loaded(*parse_text(kept.name, kept.text), kept.name)
    return Loaded(*parse_object(kept.name, kept.definition, kept.path_prefix), kept.name)


def failed(error: EscError) -> Failed:
    """The answer that an error of the outside world is to the evaluator."""
    return Failed(error.message, error.reason, retry_after=error.retry_after)
