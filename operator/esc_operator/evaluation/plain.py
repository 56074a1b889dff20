"""Plain Python data of providers, rotators and the host → values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from esc_operator.evaluation.answers import Secret
from esc_operator.evaluation.values import SECRET, Value
from esc_operator.lang.budget import PART, text_units, weight
from esc_operator.lang.numbers import Number, number_of
from esc_operator.lang.surrogates import with_bytes_only
from esc_operator.schema import free

if TYPE_CHECKING:
    from esc_operator.evaluation.values import Content
    from esc_operator.lang.declarations import Expression
    from esc_operator.schema import Charge


class NotPlainError(ValueError):
    """The data holds something that is not JSON-like; the message names its type and place, never its content."""


def from_data(data: Any, definition: Expression | None, *, secret: bool, deepest: int, charge: Charge = free) -> Value:
    """The value of `data`, defined by one expression throughout. Raises `NotPlainError`, and what `charge` raises;
    it is called before the work is done.
    """
    return _Conversion(definition, charge).value(data, SECRET if secret else 0, deepest)


class _Conversion:
    def __init__(self, definition: Expression | None, charge: Charge) -> None:
        self._definition: Final = definition
        self._charge: Final = charge

    def value(self, data: Any, flags: int, levels: int) -> Value:
        if levels < 1:
            raise NotPlainError("the result is nested too deeply")
        if isinstance(data, Secret):
            return self.value(data.value, SECRET, levels)
        if isinstance(data, Value):
            value = data.defined_by(self._definition)
            if not flags & SECRET:
                return value
            self._charge(value.writing_units)
            return value.all_secret()
        self._charge(PART + (text_units(weight(data)) if isinstance(data, str) else 0))
        return Value(self._content(data, flags, levels), self._definition, flags)

    def _content(self, data: Any, flags: int, levels: int) -> Content:
        if data is None or isinstance(data, bool | Number):
            return data
        if isinstance(data, str):
            return with_bytes_only(str(data))
        if isinstance(data, int | float):
            return _number(data)
        if isinstance(data, Mapping):
            return {self._key(key): self.value(child, flags, levels - 1) for key, child in data.items()}
        if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray):
            return tuple(self.value(element, flags, levels - 1) for element in data)
        raise NotPlainError(f"the result holds a {type(data).__name__}, which JSON has no place for")

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise NotPlainError(f"the result has a key of type {type(key).__name__}")
        self._charge(text_units(weight(key)))
        return with_bytes_only(key)


def _number(data: float) -> Number:
    number = number_of(data)
    if number is None:
        raise NotPlainError("the result holds a number that JSON has no text for")
    return number
