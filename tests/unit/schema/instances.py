"""Plain data as instances, for tests of validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from esc_operator.schema import ALWAYS, Json, Schema, TypeName
from esc_operator.schema.compile import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Plain:
    """A known value; ints and floats are numbers by their text."""

    def __init__(self, data: Any) -> None:
        self._data = data

    @property
    def is_unknown(self) -> bool:
        return False

    @property
    def schema(self) -> Schema:
        return ALWAYS

    @property
    def json_type(self) -> TypeName:
        names = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"}
        return cast("TypeName", names.get(type(self._data), "number"))

    def reveal_scalar(self) -> Json:
        if self.json_type == "number":
            return to_json(self._data)
        return None if isinstance(self._data, list | dict) else cast("Json", self._data)

    @property
    def elements(self) -> Sequence[Plain]:
        return [_as_instance(element) for element in self._data] if isinstance(self._data, list) else []

    @property
    def properties(self) -> Mapping[str, Plain]:
        return {key: _as_instance(value) for key, value in self._data.items()} if isinstance(self._data, dict) else {}


class Unknown(Plain):
    """A value of which only the schema is known."""

    def __init__(self, schema: Schema = ALWAYS) -> None:
        super().__init__(None)
        self._schema = schema

    @property
    def is_unknown(self) -> bool:
        return True

    @property
    def schema(self) -> Schema:
        return self._schema


def _as_instance(data: Any) -> Plain:
    return data if isinstance(data, Plain) else Plain(data)
