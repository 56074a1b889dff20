"""Values, ranges and diagnostics as the JSON of the service. Pure.

`newer` is the form since August 2026, in which each value has `value`. Before, one that is null was left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from esc_operator.evaluation import Value
from esc_operator.lang.diagnostics import Diagnostic, Position, Range

SECRET_TEXT = "[secret]"
_NOWHERE = Position(0, 0, 0)

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Renderer:
    """Of the environment of that name. `redact` shows no secret, as a check without `showSecrets`; what is at the paths
    `hidden` is unknown to the reader."""

    name: str
    newer: bool = True
    redact: bool = False
    hidden: frozenset[Keys] = field(default=frozenset())

    def environment(self, value: Value, context: dict[str, Any]) -> dict[str, Any]:
        properties = {key: self.value(part, (key,)) for key, part in sorted(value.properties.items())}
        return {
            "exprs": {},
            "properties": properties,
            "schema": schema_of(value),
            "executionContext": {
                "properties": {key: self._plain(part) for key, part in context.items()},
                "schema": {"type": "object"},
            },
        }

    def value(self, value: Value, path: Keys = (), *, with_bases: bool = True) -> dict[str, Any]:
        if path in self.hidden:
            value = Value(None, value.definition, flags=2)
        trace: dict[str, Any] = {"def": self.range(value.definition.range if value.definition else None)}
        rendered = self._content(value, path) | {"trace": trace}
        for base in value.layers_below() if with_bases else ():
            below = self.value(base, path, with_bases=False)
            trace["base"] = below
            trace = below["trace"]
        return rendered

    def range(self, place: Range | None) -> dict[str, Any]:
        place = place or Range(self.name, _NOWHERE, _NOWHERE)
        return {"environment": place.environment, "begin": place.begin._asdict(), "end": place.end._asdict()}

    def diagnostics(self, diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
        return [self._diagnostic(one) for one in diagnostics]

    def _diagnostic(self, diagnostic: Diagnostic) -> dict[str, Any]:
        rendered: dict[str, Any] = {"summary": diagnostic.summary, "severity": diagnostic.severity.value}
        if diagnostic.detail:
            rendered["detail"] = diagnostic.detail
        if diagnostic.path:
            rendered["path"] = diagnostic.path
        return rendered if diagnostic.range is None else {"range": self.range(diagnostic.range), **rendered}

    def _content(self, value: Value, path: Keys) -> dict[str, Any]:
        content: dict[str, Any] = {}
        if value.is_unknown:
            content["unknown"] = True
        else:
            content["value"] = SECRET_TEXT if self.redact and value.is_secret else self._parts(value, path)
        if value.is_secret:
            content["secret"] = True
        return self._in_form(content)

    def _parts(self, value: Value, path: Keys) -> Any:
        if value.is_object:
            return {key: self.value(part, (*path, key)) for key, part in sorted(value.properties.items())}
        if value.is_array:
            return [self.value(part, (*path, index)) for index, part in enumerate(value.elements)]
        return value.reveal()

    def _plain(self, data: Any) -> dict[str, Any]:
        """A value that nobody has written, such as the context."""
        parts = {key: self._plain(part) for key, part in data.items()} if isinstance(data, dict) else data
        return self._in_form({"value": parts}) | {"trace": {"def": self.range(None)}}

    def _in_form(self, content: dict[str, Any]) -> dict[str, Any]:
        if self.newer:
            return {"value": None, **content}
        return {key: part for key, part in content.items() if part is not None}


def schema_of(value: Value) -> dict[str, Any]:
    """What is known of a value's type, in JSON Schema; a secret's says no content."""
    if value.is_unknown:
        return {"type": value.schema.type} if value.schema.type else {}
    if value.is_object:
        properties = {key: schema_of(part) for key, part in sorted(value.properties.items())}
        return {"type": "object", "properties": properties, "required": sorted(properties)}
    if value.is_array:
        return {"type": "array", "prefixItems": [schema_of(part) for part in value.elements], "items": False}
    if value.is_secret or value.json_type == "null":
        return {"type": value.json_type}
    return {"type": value.json_type, "const": value.reveal()}


def find(rendered: dict[str, Any], keys: Sequence[str | int]) -> dict[str, Any] | None:
    """The part of a rendered environment that a property path leads to."""
    level: Any = rendered["properties"]
    found: Any = None
    for key in keys:
        fits = isinstance(level, dict) if isinstance(key, str) else isinstance(level, list)
        if not fits or (isinstance(key, str) and key not in level) or (isinstance(key, int) and key >= len(level)):
            return None
        found = level[key]
        level = found.get("value")
    return found if isinstance(found, dict) else None
