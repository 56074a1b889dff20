"""The string conversion of the language: what an interpolation, `fn::toString` and an environment variable make of
a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.evaluation.values import UNKNOWN_TEXT
from esc_operator.lang.budget import PART, text_units
from esc_operator.lang.numbers import Number
from esc_operator.lang.quoting import quote, quoting_units
from esc_operator.schema import free

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.evaluation.values import Value
    from esc_operator.schema import Charge

__all__ = ["LONGEST_TEXT", "Text", "convert", "quote", "to_text"]

LONGEST_TEXT: Final = 1024 * 1024
"""Characters of the longest text that an array or object is converted to."""


class _TooLongError(Exception):
    """The text of a value is longer than `LONGEST_TEXT`."""


class Text(NamedTuple):
    """A converted value. Where `is_unknown` the text is `[unknown]`; `is_secret` says that a secret went into it."""

    text: str
    is_unknown: bool
    is_secret: bool

    def __repr__(self) -> str:
        return f"Text(is_unknown={self.is_unknown}, is_secret={self.is_secret})"


def to_text(value: Value) -> Text:
    """The text of a value: null is empty, an array its elements, an object its `"key"="value"` pairs sorted by key.

    Parts are quoted and joined by commas. Parts within parts are quoted again, which can double their length at every
    level: what would come to more than `LONGEST_TEXT` characters is unknown.
    """
    text = None if value.contains_unknowns else convert(value)
    if text is None:
        return Text(UNKNOWN_TEXT, True, value.contains_secrets)
    return Text(text, False, value.contains_secrets)


def convert(value: Value, charge: Charge = free) -> str | None:
    """The text of a known value; None where it is too long. Raises what `charge` raises; it is called before
    the work is done.
    """
    try:
        return _convert(value, charge)
    except _TooLongError:
        return None


def _convert(value: Value, charge: Charge) -> str:
    # Upstream leaves out the properties that an object inherits from its bases.
    content = value.reveal_content()
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, Number):
        return content.text
    if isinstance(content, str):
        return content
    if isinstance(content, tuple):
        charge(PART * len(content))
        parts: Iterable[str] = (_quoted(_convert(element, charge), charge) for element in content)
    else:
        charge(2 * PART * len(content))
        parts = (f"{_quoted(key, charge)}={_quoted(_convert(content[key], charge), charge)}" for key in sorted(content))
    pieces, size = [], 0
    for piece in parts:
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_TEXT:
            raise _TooLongError
    charge(text_units(2 * size))
    return ",".join(pieces)


def _quoted(text: str, charge: Charge) -> str:
    charge(quoting_units(text))
    return quote(text)
