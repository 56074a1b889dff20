"""What an opened environment's JSON says: a value, with its flags. Pure.

    {"properties": {NAME: VALUE, ...}, "exprs": ..., "schema": ..., "executionContext": ...}
    VALUE = {"value": SCALAR | [VALUE, ...] | {NAME: VALUE, ...}, "secret": true?, "unknown": true?, "trace": ...}

Older services leave `value` out where it is null, and `secret` and `unknown` where they are false. Expressions, schema
and traces are not read. Numbers keep their text. Everything is charged before it is made, and how deep and how many the
values are is limited: a hostile answer costs no more than a large one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from esc_operator.evaluation.values import SECRET, Value, unknown
from esc_operator.lang.budget import PART, text_units, weight
from esc_operator.lang.limits import DEFAULT_LIMITS
from esc_operator.lang.numbers import Number
from esc_operator.lang.surrogates import without_surrogates
from esc_operator.schema import free
from esc_operator.stores.pulumi.answers import DamagedError

if TYPE_CHECKING:
    from esc_operator.evaluation.values import Content
    from esc_operator.schema import Charge

MOST_VALUES: Final = 20_000
"""Values of one environment, about three times as many as the real service writes into the largest answer."""


def environment_value(data: Any, *, deepest: int = DEFAULT_LIMITS.depth, charge: Charge = free) -> Value:
    """The object of all properties of an environment; `data` is JSON with numbers as `Number`. Raises DamagedError, and
    what `charge` raises."""
    if not isinstance(data, dict):
        raise DamagedError("the answer is not an object")
    properties = data.get("properties")
    if properties is None:  # an environment without values
        properties = {}
    if not isinstance(properties, dict):
        raise DamagedError("properties is not an object")
    return _Reading(deepest, charge).read({"value": properties}, "properties")


def property_value(data: Any, *, deepest: int = DEFAULT_LIMITS.depth, charge: Charge = free) -> Value:
    """The value of one property, as a session answers for it. Raises as `environment_value`."""
    return _Reading(deepest, charge).read(data, "the property")


class _Reading:
    def __init__(self, deepest: int, charge: Charge) -> None:
        self._deepest: Final = deepest
        self._charge: Final = charge
        self._left = MOST_VALUES

    def read(self, data: Any, where: str) -> Value:
        return self._value(data, 0, self._deepest, where)

    def _value(self, data: Any, inherited: int, levels: int, where: str) -> Value:
        """A value; what is in a secret one is secret as well. `where` is the top-level property, for messages."""
        if type(data) is not dict:
            raise DamagedError(f"a value in {where} is not an object")
        self._left -= 1
        if self._left < 0:
            raise DamagedError(f"there are more than {MOST_VALUES} values")
        if levels < 1:
            raise DamagedError(f"a value in {where} is nested deeper than {self._deepest} levels")
        secret = data.get("secret")
        flags = inherited | (SECRET if secret is True else 0)
        is_unknown = data.get("unknown")
        if (secret is not None and type(secret) is not bool) or (
            is_unknown is not None and type(is_unknown) is not bool
        ):
            raise DamagedError(f"secret or unknown of a value in {where} is not true or false")
        self._charge(PART)
        if is_unknown:
            return unknown(None, flags=flags)
        return Value(self._content(data.get("value"), flags, levels, where), None, flags)

    def _content(self, found: Any, flags: int, levels: int, where: str) -> Content:
        if isinstance(found, str):
            self._charge(text_units(weight(found)))
            return without_surrogates(found)
        if found is None or isinstance(found, bool | Number):
            return found
        if isinstance(found, list):
            return tuple([self._value(each, flags, levels - 1, where) for each in found])
        return {
            self._key(key): self._value(child, flags, levels - 1, where if levels < self._deepest else self._named(key))
            for key, child in found.items()
        }

    def _key(self, key: str) -> str:
        self._charge(text_units(weight(key)))
        return without_surrogates(key)

    @staticmethod
    def _named(key: str) -> str:
        return f"properties.{key}" if len(key) <= 60 and key.isprintable() else "properties"
