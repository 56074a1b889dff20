"""From what a store keeps to what the evaluator takes: definitions are parsed here, on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import EscError
from esc_operator.evaluation import Failed, Loaded
from esc_operator.lang import parse_object, parse_text

if TYPE_CHECKING:
    from esc_operator.stores import port


def load(store: port.Store, name: str, importer: str = "") -> Loaded | Failed:
    """The environment that `importer` calls `name`."""
    try:
        return parse(store.load(name, importer))
    except EscError as error:
        return failed(error)


async def load_async(store: port.AsyncStore, name: str, importer: str = "") -> Loaded | Failed:
    try:
        return parse(await store.load(name, importer))
    except EscError as error:
        return failed(error)


def parse(kept: port.Loaded | Failed) -> Loaded | Failed:
    if isinstance(kept, Failed):
        return kept
    if kept.text is not None:
        return Loaded(*parse_text(kept.name, kept.text), kept.name)
    return Loaded(*parse_object(kept.name, kept.definition, kept.path_prefix), kept.name)


def failed(error: EscError) -> Failed:
    """The answer that an error of the outside world is to the evaluator."""
    return Failed(error.message, error.reason, retry_after=error.retry_after)
