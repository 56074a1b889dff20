"""Where an environment's definition is: in its spec, as an object or as a text. Pure.

Only this module knows the fields; whoever needs a definition asks it for the source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from esc_operator.lang.document import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping

OBJECT_FIELD: Final = "environment"
TEXT_FIELD: Final = "definition"

FIELDS: Final = (OBJECT_FIELD, TEXT_FIELD)
"""The fields of a spec of which exactly one is set."""

INLINE_FIELDS: Final = frozenset({OBJECT_FIELD, TEXT_FIELD})
"""Those that hold the definition itself, and may be large."""


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """An object of the manifest, which kubectl has read before. It may hold plaintext secrets."""

    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextSource:
    """A YAML text, unchanged. It may hold plaintext secrets."""

    text: str = field(repr=False)


DefinitionSource = ObjectSource | TextSource


def parse_source(spec: Mapping[str, Any]) -> DefinitionSource | None:
    """The source that a spec names; None if it names none, or was left out because it is too large."""
    if (text := spec.get(TEXT_FIELD)) is not None:
        return TextSource(text)
    data = spec.get(OBJECT_FIELD)
    return None if data is None else ObjectSource(data)


def names_exports(source: DefinitionSource | None) -> bool:
    """Whether a definition, before it is read, looks as if it exported something itself. What only its imports export
    does not show."""
    if isinstance(source, TextSource):
        return any(name in source.text for name in EXPORTS)
    values = [value for key, value in source.data.items() if key.casefold() == "values"] if source else []
    return any(isinstance(value, dict) and any(value.get(name) for name in EXPORTS) for value in values)
