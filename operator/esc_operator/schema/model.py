"""The subset of JSON Schema that environments use, as an immutable model.

A `Schema` says two things: what values a builtin accepts, and what is known of a value that is not there yet (a
provider's output during a check). `ALWAYS` accepts everything. Other schemas are built by `compile.from_json` or by the
constructors at the end of this module.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from esc_operator.schema.checks import CHECK, free

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from esc_operator.schema.checks import Charge
    from esc_operator.schema.jsontext import Json
    from esc_operator.schema.patterns import Pattern

TypeName = Literal["null", "boolean", "number", "string", "array", "object"]
TYPE_NAMES: Final = ("string", "number", "boolean", "array", "object", "null")

_NO_PROPERTIES: Final[Mapping[str, Schema]] = MappingProxyType({})
_NO_DEPENDENCIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Bound(NamedTuple):
    """A numeric limit: its value, and its text for messages."""

    value: Decimal
    text: str


class Unset:
    """Distinguishes "no constant" from "the constant null"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


class Schema(NamedTuple):
    """One (sub)schema. Absent keywords hold None or are empty; `accepts` is False only for the schema `false`."""

    accepts: bool = True
    type: TypeName | None = None
    const: Json | Unset = UNSET
    enum: tuple[Json, ...] = ()
    any_of: tuple[Schema, ...] = ()
    one_of: tuple[Schema, ...] = ()
    ref: str = ""
    definitions: Mapping[str, Schema] = _NO_PROPERTIES
    prefix_items: tuple[Schema, ...] = ()
    items: Schema | None = None
    properties: Mapping[str, Schema] = _NO_PROPERTIES
    additional_properties: Schema | None = None
    required: tuple[str, ...] = ()
    dependent_required: Mapping[str, tuple[str, ...]] = _NO_DEPENDENCIES
    rotate_only: frozenset[str] = frozenset()
    multiple_of: Bound | None = None
    minimum: Bound | None = None
    exclusive_minimum: Bound | None = None
    maximum: Bound | None = None
    exclusive_maximum: Bound | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: Pattern | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None

    def __repr__(self) -> str:
        # A schema may refer to itself, so it is not written out.
        return f"<Schema: {'never' if not self.accepts else self.ref or self.type or 'any type'}>"

    @property
    def is_always(self) -> bool:
        """Whether every value is accepted."""
        return self is ALWAYS

    @property
    def is_never(self) -> bool:
        return not self.accepts

    @property
    def may_be_object(self) -> bool:
        return self is ALWAYS or self.type == "object"

    def target(self) -> Schema | None:
        """The schema that `ref` names, or None where there is no `ref`."""
        return self.definitions[self.ref] if self.ref else None

    def of_property(self, key: str) -> Schema:
        """What is known of a property of a value with this schema; everything is possible where the schema does
        not say.
        """
        # Upstream answers `false` for a property of the schema `true`, so that a check fails where opening succeeds.
        return self.properties.get(key) or self.additional_properties or ALWAYS

    def of_item(self, index: int) -> Schema:
        """The same for an element of an array."""
        if index < len(self.prefix_items):
            return self.prefix_items[index]
        return self.items or ALWAYS


ALWAYS: Final = Schema()
NEVER: Final = Schema(accepts=False)
NULL: Final = Schema(type="null")
STRING: Final = Schema(type="string")
STRINGS: Final = Schema(type="array", items=STRING)
OBJECT: Final = Schema(type="object")
ARRAY: Final = Schema(type="array", items=ALWAYS)
ARRAYS: Final = Schema(type="array", items=ARRAY)


def constant(type_name: TypeName, value: Json) -> Schema:
    """The schema of exactly one scalar."""
    return Schema(type=type_name, const=value)


def tuple_of(items: tuple[Schema, ...]) -> Schema:
    """An array of exactly these elements."""
    return Schema(type="array", prefix_items=items, items=NEVER)


def record_of(properties: Mapping[str, Schema], additional: Schema | None = None) -> Schema:
    """An object with all of these properties."""
    return Schema(
        type="object", properties=properties, required=tuple(sorted(properties)), additional_properties=additional
    )


def merged_schema(base: Schema | None, top: Schema, charge: Charge = free) -> Schema:
    """The schema of a value with schema `top` that is merged over one with schema `base`. Raises what `charge`
    raises.
    """
    if base is None or top.type != "object" or base.type != "object":
        return top
    charge(CHECK * (1 + len(base.properties) + len(top.properties)))
    properties = dict(base.properties)
    for key, schema in top.properties.items():
        properties[key] = merged_schema(properties.get(key), schema, charge)
    additional = top.additional_properties or base.additional_properties
    if top.additional_properties and base.additional_properties:
        additional = ALWAYS
    return record_of(properties, additional)
