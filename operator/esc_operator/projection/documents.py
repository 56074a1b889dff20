"""Values → documents that people and programs read. Secrets are shown: opening an environment requests them."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from esc_operator.evaluation.rendering import to_json_data
from esc_operator.evaluation.text import quote, to_text
from esc_operator.lang.scalars import resolve_plain
from esc_operator.schema import NumberText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.diagnostics import Position, Range
    from esc_operator.schema import Json

_INDENT = "  "
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-@+")


def json_document(value: Value) -> str:
    """JSON, indented; numbers keep their text. Unlike upstream's it leaves `<`, `>` and `&` readable."""
    return _json(to_json_data(value, redact=False), "") + "\n"


def yaml_document(value: Value) -> str:
    """YAML that reads back as the same data; upstream's turns numbers into strings."""
    data = to_json_data(value, redact=False)
    if isinstance(data, dict | list) and data:
        return "".join(f"{line}\n" for line in _yaml_lines(data))
    return _yaml_scalar(data) + "\n"


def text_document(value: Value) -> str:
    """The value as the language converts it to a string, on lines of its own."""
    text = to_text(value).text
    return text if text.endswith("\n") else text + "\n"


def detailed_document(value: Value) -> str:
    """JSON of the value with, for each part, whether it is secret and where it was defined."""
    return _json(_detailed(value), "") + "\n"


def _json(data: Any, indent: str) -> str:
    if isinstance(data, NumberText):
        return str(data)
    inner = indent + _INDENT
    if isinstance(data, dict) and data:
        entries = (f"{inner}{dumps(key, ensure_ascii=False)}: {_json(item, inner)}" for key, item in data.items())
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(data, list) and data:
        return "[\n" + ",\n".join(inner + _json(item, inner) for item in data) + f"\n{indent}]"
    return dumps(data, ensure_ascii=False)


def _yaml_lines(data: Json) -> Iterator[str]:
    """The lines of a mapping or sequence that is not empty."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _yaml_entry(f"{_yaml_scalar(key)}:", item)
    elif isinstance(data, list):
        for item in data:
            yield from _yaml_entry("-", item)


def _yaml_entry(introduction: str, item: Json) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        lines = _yaml_lines(item)
        if introduction == "-":
            yield f"- {next(lines)}"
        else:
            yield introduction
        yield from (_INDENT + line for line in lines)
    elif isinstance(item, str) and _fits_block(item):
        yield f"{introduction} |" + ("" if item.endswith("\n") else "-")
        yield from (_INDENT + line if line else "" for line in item.removesuffix("\n").split("\n"))
    else:
        yield f"{introduction} {_yaml_scalar(item)}"


def _fits_block(text: str) -> bool:
    """Whether a block scalar shows the text unchanged: printable lines, and at most one line break at the end."""
    lines = text.removesuffix("\n").split("\n")
    return (
        "\n" in text
        and all(line.isprintable() for line in lines)
        and bool(lines[0] and lines[-1])
        and not lines[0].startswith(" ")
    )


def _yaml_scalar(data: Json) -> str:
    if isinstance(data, NumberText) or not isinstance(data, str):
        return str(data) if isinstance(data, NumberText) else dumps(data)
    plain = data and _PLAIN.issuperset(data) and data[0] not in "-@+." and isinstance(resolve_plain(data), str)
    # Texts that YAML 1.1 readers misread are quoted too: booleans such as `yes`, dates, sexagesimals.
    if plain and data[0] not in "0123456789" and data.lower() not in ("y", "n", "yes", "no", "on", "off"):
        return data
    return quote(data)


def _detailed(value: Value) -> dict[str, Any]:
    """A value as in the REST API: value, flags, and a trace of its definition and of what it overrides."""
    layers: dict[int, Value] = {}
    for layer in (value, *value.bases):
        layers.setdefault(id(layer.definition), layer)
    detailed: dict[str, Any] | None = None
    for layer in reversed(layers.values()):
        detailed = _layer(layer, detailed)
    return detailed or {}


def _layer(value: Value, base: dict[str, Any] | None) -> dict[str, Any]:
    where = value.definition.range if value.definition else None
    return {
        "value": _detailed_content(value),
        **({"secret": True} if value.is_secret else {}),
        **({"unknown": True} if value.is_unknown else {}),
        "trace": {**({"def": _range(where)} if where else {}), **({"base": base} if base else {})},
    }


def _detailed_content(value: Value) -> Any:
    if value.is_unknown:
        return None
    if value.is_object:
        return {key: _detailed(item) for key, item in sorted(value.properties.items())}
    if value.is_array:
        return [_detailed(item) for item in value.elements]
    return value.reveal_scalar()


def _range(where: Range) -> dict[str, Any]:
    return {"environment": where.environment, "begin": _position(where.begin), "end": _position(where.end)}


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column, "byte": position.byte}
