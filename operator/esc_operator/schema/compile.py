"""JSON data → `Schema`.

References are resolved by name when a value is checked, so a schema may refer to itself; that every name exists is
checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from esc_operator.schema.checks import free
from esc_operator.schema.jsontext import Json, NumberText
from esc_operator.schema.model import ALWAYS, NEVER, TYPE_NAMES, Bound, Schema

if TYPE_CHECKING:
    from esc_operator.schema.checks import Charge
    from esc_operator.schema.patterns import Pattern

_REF_PREFIX: Final = "#/$defs/"
_DEEPEST: Final = 100
_SCHEMA: Final = 16
"""Units of work that one schema costs, and each of its keywords."""
_KEYWORD: Final = 4


class SchemaError(ValueError):
    """The data is not a schema of the supported subset; the message names the first thing wrong."""


def from_json(data: object, charge: Charge = free) -> Schema:
    """Compiles `data` (a bool or a dict, numbers as int, float or `NumberText`). Raises `SchemaError`, and what
    `charge` raises.
    """
    definitions: dict[str, Schema] = {}
    compiler = _Compiler(definitions, charge)
    schema = compiler.schema(data, 0)
    for name in compiler.referenced:
        if name not in definitions:
            raise SchemaError(f"unknown subschema {_REF_PREFIX}{name}")
    return schema


class _Compiler:
    def __init__(self, definitions: dict[str, Schema], charge: Charge) -> None:
        self.referenced: list[str] = []
        self.charge: Final = charge
        self._definitions = definitions

    def schema(self, data: object, depth: int) -> Schema:
        if data is True or data == {}:
            return ALWAYS
        if data is False:
            return NEVER
        if not isinstance(data, Mapping):
            raise SchemaError("a schema must be a boolean or an object")
        if depth > _DEEPEST:
            raise SchemaError(f"the schema is nested more than {_DEEPEST} levels deep")
        self.charge(_SCHEMA + _KEYWORD * len(data))
        if depth == 0:
            self._definitions.update(self.schemas(data.get("$defs"), depth))
        keywords = {name: value for key, value in data.items() for name, value in self._keyword(key, value, depth)}
        return Schema(**keywords, definitions=self._definitions) if keywords else ALWAYS

    def _keyword(self, key: object, value: Any, depth: int) -> Sequence[tuple[str, Any]]:
        """The field that a keyword sets; none for an unknown keyword or an absent value."""
        clause = _KEYWORDS.get(str(key))
        if clause is None or (value is None and key != "const"):
            return ()
        name, read = clause
        return ((name, read(self, value, depth)),)

    def schemas(self, data: object, depth: int) -> dict[str, Schema]:
        if data is None:
            return {}
        return {str(key): self.schema(value, depth + 1) for key, value in _expect(Mapping, data, "an object").items()}

    def subschema(self, data: object, depth: int) -> Schema:
        return self.schema(data, depth + 1)

    def schema_list(self, data: object, depth: int) -> tuple[Schema, ...]:
        return tuple(self.schema(item, depth + 1) for item in _expect(list, data, "an array"))

    def reference(self, data: object, _: int) -> str:
        text = _expect(str, data, "a string")
        if not text.startswith(_REF_PREFIX) or "/" in text[len(_REF_PREFIX) :]:
            raise SchemaError("only fragment references of the form #/$defs/ref are supported")
        self.referenced.append(text[len(_REF_PREFIX) :])
        return self.referenced[-1]


def _expect(kind: type[Any], data: object, what: str) -> Any:
    if not isinstance(data, kind):
        raise SchemaError(f"expected {what}")
    return data


def _type(_: _Compiler, data: object, __: int) -> str:
    if data not in TYPE_NAMES:
        raise SchemaError(f"unknown type {data!r}")
    return str(data)


def _json(_: _Compiler, data: Any, __: int) -> Json:
    return to_json(data)


def to_json(data: Any) -> Json:
    """`data` with its numbers by their text."""
    if isinstance(data, NumberText) or data is None or isinstance(data, bool | str):
        return data
    if isinstance(data, int):
        return NumberText(data)
    if isinstance(data, float):
        return NumberText(int(data) if data.is_integer() and abs(data) < 1e6 else repr(data))
    if isinstance(data, Mapping):
        return {str(key): to_json(value) for key, value in data.items()}
    return [to_json(item) for item in data]


def _json_list(_: _Compiler, data: object, __: int) -> tuple[Json, ...]:
    return tuple(to_json(item) for item in _expect(list, data, "an array"))


def _bound(_: _Compiler, data: object, __: int) -> Bound:
    from decimal import Decimal, InvalidOperation  # most commands never compile a numeric bound

    text = str(to_json(data))
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise SchemaError(f"cannot parse {text!r} as a number") from error
    return Bound(value, text)


def _count(_: _Compiler, data: object, __: int) -> int:
    text = str(to_json(data))
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise SchemaError(f"cannot parse {text!r} as a non-negative integer")
    return int(text)


def _pattern(compiler: _Compiler, data: object, _: int) -> Pattern:
    from esc_operator.schema.patterns import Pattern, PatternError  # most commands never compile a pattern

    text = _expect(str, data, "a string")
    try:
        return Pattern(text, compiler.charge)
    except PatternError as error:
        raise SchemaError(f"error parsing regexp: {error}") from error


def _names(_: _Compiler, data: object, __: int) -> tuple[str, ...]:
    return tuple(_expect(str, name, "a string") for name in _expect(list, data, "an array"))


def _name_set(_: _Compiler, data: object, __: int) -> frozenset[str]:
    return frozenset(_names(_, data, __))


def _dependencies(_: _Compiler, data: object, __: int) -> dict[str, tuple[str, ...]]:
    return {str(key): _names(_, names, __) for key, names in _expect(Mapping, data, "an object").items()}


_Reader = Callable[[_Compiler, Any, int], Any]

_KEYWORDS: Final[Mapping[str, tuple[str, _Reader]]] = {
    "$ref": ("ref", _Compiler.reference),
    "anyOf": ("any_of", _Compiler.schema_list),
    "oneOf": ("one_of", _Compiler.schema_list),
    "prefixItems": ("prefix_items", _Compiler.schema_list),
    "items": ("items", _Compiler.subschema),
    "properties": ("properties", _Compiler.schemas),
    "additionalProperties": ("additional_properties", _Compiler.subschema),
    "type": ("type", _type),
    "const": ("const", _json),
    "enum": ("enum", _json_list),
    "multipleOf": ("multiple_of", _bound),
    "minimum": ("minimum", _bound),
    "exclusiveMinimum": ("exclusive_minimum", _bound),
    "maximum": ("maximum", _bound),
    "exclusiveMaximum": ("exclusive_maximum", _bound),
    "minLength": ("min_length", _count),
    "maxLength": ("max_length", _count),
    "pattern": ("pattern", _pattern),
    "minItems": ("min_items", _count),
    "maxItems": ("max_items", _count),
    "minProperties": ("min_properties", _count),
    "maxProperties": ("max_properties", _count),
    "required": ("required", _names),
    "dependentRequired": ("dependent_required", _dependencies),
    "rotateOnly": ("rotate_only", _name_set),
}
"""Keywords that constrain.

`secret`, `uniqueItems` and annotations such as `description` are accepted and mean nothing here.
"""
