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
    from collections.abc import Iterator

    from esc_operator.evaluation.values import Content
    from esc_operator.schema import Charge

MOST_VALUES: Final = 10_000
"""Values of one environment: more than the service can write into the largest answer, each with its trace."""


def environment_value(data: Any, *, deepest: int = DEFAULT_LIMITS.depth, charge: Charge = free) -> Value:
    """The object of all properties of an environment; `data` is JSON as `read_json` reads it. Raises DamagedError, and
    what `charge` raises."""
    if not isinstance(data, dict):
        raise DamagedError("the answer is not an object")
    properties = data.get("properties")
    if properties is None:  # an environment without values
        properties = {}
    if not isinstance(properties, dict):
        raise DamagedError("properties is not an object")
    return _Reading(deepest, charge).read({"value": properties})


def property_value(data: Any, *, deepest: int = DEFAULT_LIMITS.depth, charge: Charge = free) -> Value:
    """The value of one property, as a session answers for it. Raises as `environment_value`."""
    return _Reading(deepest, charge).read(data)


class _Reading:
    def __init__(self, deepest: int, charge: Charge) -> None:
        self._deepest: Final = deepest
        self._charge: Final = charge
        self._left = MOST_VALUES
        self._property = ""

    def read(self, data: Any) -> Value:
        return self._value(data, 0, self._deepest)

    def _value(self, data: Any, inherited: int, levels: int) -> Value:
        """A value; what is in a secret one is secret as well."""
        if type(data) is not dict:
            raise self._damaged("is not an object")
        self._left -= 1
        if self._left < 0:
            raise DamagedError(f"there are more than {MOST_VALUES} values")
        if levels < 1:
            raise self._damaged(f"is nested deeper than {self._deepest} levels")
        flags = inherited | (SECRET if self._flag(data, "secret") else 0)
        self._charge(PART)
        if self._flag(data, "unknown"):
            return unknown(None, flags=flags)
        return Value(self._content(data.get("value"), flags, levels), None, flags)

    def _flag(self, data: dict[str, Any], name: str) -> bool:
        found = data.get(name, False)
        if found is not True and found is not False and found is not None:
            raise self._damaged(f"has something else than true or false as {name}")
        return bool(found)

    def _content(self, found: Any, flags: int, levels: int) -> Content:
        if isinstance(found, str):
            self._charge(text_units(weight(found)))
            return without_surrogates(found)
        if isinstance(found, bytes):
            return Number(found.decode())
        if isinstance(found, dict):
            return {key: self._value(child, flags, levels - 1) for key, child in self._members(found, levels)}
        if isinstance(found, list):
            return tuple([self._value(each, flags, levels - 1) for each in found])
        return None if found is None else bool(found)

    def _members(self, found: dict[str, Any], levels: int) -> Iterator[tuple[str, Any]]:
        for key, child in found.items():
            self._charge(text_units(weight(key)))
            if levels == self._deepest:
                self._property = key
            yield without_surrogates(key), child

    def _damaged(self, why: str) -> DamagedError:
        """The failure of a value, by the top-level property that it is in."""
        name = self._property
        where = f"properties.{name}" if 0 < len(name) <= 60 and name.isprintable() else "the answer"
        return DamagedError(f"a value in {where} {why}")
