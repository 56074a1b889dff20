"""The schema that schemas written in a document are held to (`fn::validate`)."""

from functools import cache
from typing import Any, Final

from esc_operator.schema.compile import from_json
from esc_operator.schema.model import TYPE_NAMES, Schema

_SCHEMA: Final = {"$ref": "#/$defs/schema"}
_SCHEMAS: Final = {"type": "array", "items": _SCHEMA}
_NAMED_SCHEMAS: Final = {"type": "object", "additionalProperties": _SCHEMA}
_STRING: Final = {"type": "string"}
_STRINGS: Final = {"type": "array", "items": _STRING}
_NUMBER: Final = {"type": "number"}
_BOOLEAN: Final = {"type": "boolean"}

_KEYWORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("$defs", "properties"), _NAMED_SCHEMAS),
    **dict.fromkeys(("anyOf", "oneOf", "prefixItems"), _SCHEMAS),
    **dict.fromkeys(("items", "additionalProperties"), _SCHEMA),
    **dict.fromkeys(("$ref", "pattern", "title", "description"), _STRING),
    **dict.fromkeys(("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"), _NUMBER),
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), _NUMBER),
    **dict.fromkeys(("uniqueItems", "secret", "deprecated"), _BOOLEAN),
    "type": {"type": "string", "enum": list(TYPE_NAMES)},
    "enum": {"type": "array"},
    "examples": {"type": "array"},
    "required": _STRINGS,
    "rotateOnly": _STRINGS,
    "dependentRequired": {"type": "object", "additionalProperties": _STRINGS},
}


@cache
def meta_schema() -> Schema:
    """Accepts a boolean, or an object in which every keyword of the subset has the right form; ignores
    other keywords.
    """
    options = [_BOOLEAN, {"type": "object", "properties": _KEYWORDS}]
    return from_json({"$ref": "#/$defs/schema", "$defs": {"schema": {"anyOf": options}}})
