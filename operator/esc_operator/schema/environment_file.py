"""The JSON Schema (2020-12) of an environment file, for editors. Pure: the schemas of plug-ins are an argument.

It describes the form. Only an evaluation finds out whether references lead anywhere, so wherever a provider requires a
value of some type, an interpolation or a function call is allowed as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

_VALUE: Final[Json] = {"$ref": "#/$defs/value"}
_OBJECT: Final[Json] = {"$ref": "#/$defs/object"}
_CALL: Final[Json] = {"$ref": "#/$defs/call"}
_REFERENCE: Final[Json] = {"type": "string", "pattern": r"\$\{"}
_TEXT: Final[Json] = {"type": "string"}
_EXPORTED: Final[Json] = {"type": "object", "additionalProperties": _VALUE}

_FUNCTIONS: Final[dict[str, tuple[str, Json]]] = {
    "fn::secret": (
        "A secret: a text, or one that is encrypted at rest.",
        {
            "anyOf": [
                _TEXT,
                {"type": "object", "required": ["ciphertext"], "properties": {"ciphertext": _TEXT}},
            ]
        },
    ),
    "fn::join": (
        "The texts of a list with a delimiter between them: [delimiter, list].",
        {"type": "array", "minItems": 2, "maxItems": 2, "items": _VALUE},
    ),
    "fn::split": (
        "The parts of a text between a delimiter: [delimiter, text].",
        {"type": "array", "minItems": 2, "maxItems": 2, "items": _VALUE},
    ),
    "fn::concat": ("Lists, one behind the other.", {"type": "array", "items": _VALUE}),
    "fn::toJSON": ("A value as JSON text.", _VALUE),
    "fn::fromJSON": ("The value of a JSON text.", _VALUE),
    "fn::toYAML": ("A value as YAML text.", _VALUE),
    "fn::toString": ("A value as text.", _VALUE),
    "fn::toBase64": ("A text in base64.", _VALUE),
    "fn::fromBase64": ("The text of a base64 one.", _VALUE),
    "fn::final": ("A value that importers cannot override.", _VALUE),
    "fn::validate": (
        "A value that has to fit a schema.",
        {"type": "object", "required": ["schema", "value"], "properties": {"schema": True, "value": _VALUE}},
    ),
}


class Rotation(NamedTuple):
    """The schemas of what a call of a rotator holds."""

    inputs: Mapping[str, Any]
    state: Mapping[str, Any]


def environment_file_schema(providers: Mapping[str, Mapping[str, Any]], rotators: Mapping[str, Rotation]) -> Json:
    """The schema; `providers` are the schemas of their inputs by name, and `rotators` those of theirs."""
    calls = [_call(name, description, argument) for name, (description, argument) in _FUNCTIONS.items()]
    calls += [
        _long_form("fn::open", "provider", providers),
        _long_form("fn::rotate", "rotator", rotators, state=_OBJECT),
    ]
    calls += [
        _call(f"fn::open::{name}", f"Open {name}.", relaxed(inputs)) for name, inputs in sorted(providers.items())
    ]
    calls += [
        _call(f"fn::rotate::{name}", f"Rotate {name}.", _rotation(rotation))
        for name, rotation in sorted(rotators.items())
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ESC environment",
        "type": "object",
        "properties": {
            "description": _TEXT,
            "imports": {"type": "array", "items": _import()},
            "values": _values(),
        },
        "additionalProperties": False,
        "$defs": {
            "value": {
                "anyOf": [
                    {"type": ["null", "boolean", "number", "string"]},
                    {"type": "array", "items": _VALUE},
                    _CALL,
                    _OBJECT,
                ]
            },
            "object": {
                "type": "object",
                "propertyNames": {"not": {"pattern": "^fn::"}},
                "additionalProperties": _VALUE,
            },
            "call": {"anyOf": calls},
        },
    }


def relaxed(schema: Any) -> Any:
    """A schema that also accepts an interpolation or a call in place of the whole and of any of its parts."""
    return {"anyOf": [_relaxed_within(schema), _REFERENCE, _CALL]} if isinstance(schema, dict) else schema


def _relaxed_within(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    inner = dict(schema)
    for keyword in ("properties", "$defs"):
        if keyword in inner:
            inner[keyword] = {name: relaxed(part) for name, part in inner[keyword].items()}
    for keyword in ("items", "additionalProperties"):
        if keyword in inner:
            inner[keyword] = relaxed(inner[keyword])
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        if keyword in inner:
            inner[keyword] = [relaxed(part) for part in inner[keyword]]
    return inner


def _call(name: str, description: str, argument: Any) -> Json:
    return {
        "type": "object",
        "description": description,
        "required": [name],
        "properties": {name: argument},
        "additionalProperties": False,
    }


def _long_form(name: str, kind: str, known: Mapping[str, Any], **more: Json) -> Json:
    argument: Json = {
        "type": "object",
        "required": ["provider", "inputs"],
        "properties": {
            # Others may be installed elsewhere, so those that are known here are only proposed.
            "provider": {"type": "string", "examples": sorted(known)},
            "inputs": _VALUE,
            **more,
        },
    }
    return _call(name, f"The long form, which names its {kind}.", argument)


def _rotation(rotation: Rotation) -> Json:
    # A state is written out: only for its parts something else may stand.
    state = {"allOf": [_OBJECT, _relaxed_within(rotation.state)]}
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {"inputs": relaxed(rotation.inputs), "state": state},
    }


def _import() -> Json:
    options = {"type": "object", "properties": {"merge": {"type": "boolean"}}}
    renamed = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": options}
    return {"anyOf": [_TEXT, renamed]}


def _values() -> Json:
    reserved = dict.fromkeys(("imports", "context", "environments"), False)
    return {
        "type": "object",
        "propertyNames": {"not": {"pattern": "^fn::"}},
        "properties": {
            "environmentVariables": {"anyOf": [_EXPORTED, _CALL, _REFERENCE]},
            "files": {"anyOf": [_EXPORTED, _CALL, _REFERENCE]},
            **reserved,
        },
        "additionalProperties": _VALUE,
    }
