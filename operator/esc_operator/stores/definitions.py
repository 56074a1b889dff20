"""From the source of a definition to the definition as it is stored. Pure; the operator and `esc` both use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.resources import reasons
from esc_operator.resources.definition_source import OBJECT_FIELD, TEXT_FIELD, ObjectSource
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from esc_operator.resources.definition_source import DefinitionSource
    from esc_operator.resources.environment import Key

_WHAT_TO_WRITE: Final = "write the environment's text, such as `values: {}`"


def stored_definition(
    key: Key, source: DefinitionSource | None, *, generation: int = 0, trusted: frozenset[str] = frozenset()
) -> StoredDefinition | Failed:
    """The definition of an environment; `generation` and `trusted` as in `StoredDefinition`."""
    if source is None:
        return Failed(
            f"{key.describe()} has no definition: set one of spec.{TEXT_FIELD} and spec.{OBJECT_FIELD}",
            reasons.INVALID_SPEC,
        )
    if isinstance(source, ObjectSource):
        prefix = f"spec.{OBJECT_FIELD}"
        return StoredDefinition(
            key.full_name, definition=source.data, path_prefix=prefix, generation=generation, trusted=trusted
        )
    prefix = f"spec.{TEXT_FIELD}"
    if not source.text.strip():
        return Failed(f"{prefix} is empty: {_WHAT_TO_WRITE}", reasons.INVALID_SPEC)
    return StoredDefinition(key.full_name, text=source.text, path_prefix=prefix, generation=generation, trusted=trusted)
