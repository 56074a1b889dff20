"""Plain Python data → values: what providers, rotators and the host hand in."""

from collections.abc import Mapping, Sequence
from typing import Any

from esc_operator.evaluation.answers import Secret
from esc_operator.evaluation.values import SECRET, Value
from esc_operator.lang.declarations import Expression
from esc_operator.lang.numbers import Number, number_of


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
    if isinstance(data, str):
        return Value(str(data), definition, flags)
    if data is None or isinstance(data, bool | Number):
        return Value(data, definition, flags)
    if isinstance(data, int | float):
        return Value(_number(data), definition, flags)
    if isinstance(data, Mapping):
        return Value(
            {_key(key): _from_data(child, definition, flags, levels - 1) for key, child in data.items()},
            definition,
            flags,
        )
    if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray):
        return Value(tuple(_from_data(element, definition, flags, levels - 1) for element in data), definition, flags)
    raise NotPlainError(f"the result holds a {type(data).__name__}, which JSON has no place for")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise NotPlainError(f"the result has a key of type {type(key).__name__}")


def _number(data: float) -> Number:
    number = number_of(data)
    if number is None:
        raise NotPlainError("the result holds a number that JSON has no text for")
    return number
