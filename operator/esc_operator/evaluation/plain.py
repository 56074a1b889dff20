"""Plain Python data → values: what providers, rotators and the host hand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from esc_operator.evaluation.answers import Secret
from esc_operator.evaluation.values import SECRET, Value
from esc_operator.lang.numbers import Number, number_of
from esc_operator.lang.surrogates import with_bytes_only

if TYPE_CHECKING:
    from esc_operator.evaluation.values import Content
    from esc_operator.lang.declarations import Expression


class NotPlainError(ValueError):
    """The data holds something that is not JSON-like; the message names its type and place, never its content."""


def from_data(data: Any, definition: Expression | None, *, secret: bool, deepest: int) -> Value:
    """The value of `data`, defined by one expression throughout. Raises `NotPlainError`."""
    return _from_data(data, definition, SECRET if secret else 0, deepest)


def _from_data(data: Any, definition: Expression | None, flags: int, levels: int) -> Value:
    if levels < 1:
        raise NotPlainError("the result is nested too deeply")
    if isinstance(data, Secret):
        return _from_data(data.value, definition, SECRET, levels)
    if isinstance(data, Value):
        value = data.defined_by(definition)
        return value.all_secret() if flags & SECRET else value
    return Value(_content(data, definition, flags, levels), definition, flags)


def _content(data: Any, definition: Expression | None, flags: int, levels: int) -> Content:
    if data is None or isinstance(data, bool | Number):
        return data
    if isinstance(data, str):
        return with_bytes_only(str(data))
    if isinstance(data, int | float):
        return _number(data)
    if isinstance(data, Mapping):
        return {_key(key): _from_data(child, definition, flags, levels - 1) for key, child in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray):
        return tuple(_from_data(element, definition, flags, levels - 1) for element in data)
    raise NotPlainError(f"the result holds a {type(data).__name__}, which JSON has no place for")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return with_bytes_only(key)
    raise NotPlainError(f"the result has a key of type {type(key).__name__}")


def _number(data: float) -> Number:
    number = number_of(data)
    if number is None:
        raise NotPlainError("the result holds a number that JSON has no text for")
    return number
