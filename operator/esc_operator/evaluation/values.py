"""The value of an expression: content, flags, and where it came from.

A value is immutable; merging, marking and re-homing make new ones. What is inside (a secret, an unknown, something still pending) is summed up when a
value is built, so asking costs nothing. `repr` and `str` never show content: `reveal` and the renderings with `redact=False` are the way out.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from esc_operator.lang.declarations import Expression
from esc_operator.lang.numbers import Number
from esc_operator.schema import ALWAYS, Json, NumberText, Schema, TypeName

if TYPE_CHECKING:
    from esc_operator.evaluation.trace import Definition

Content = None | bool | Number | str | tuple["Value", ...] | Mapping[str, "Value"]
"""An object's mapping holds its merged properties; unknown and pending values hold None."""

SECRET: Final = 1
UNKNOWN: Final = 2
FINAL: Final = 4
ROTATE_ONLY: Final = 8
PENDING: Final = 16
"""Waits for the answer to an effect; never seen outside the evaluator."""
SEALED: Final = 32
"""An object that lies on something other than a known object, so that bases further down add nothing to it."""
_OBSERVABLE: Final = 64
"""Summed up only: an unknown that is not merely a rotate-only input left alone."""

_EMPTY: Final[Mapping[str, "Value"]] = MappingProxyType({})


class Value:
    """What an expression evaluates to.

    `definition` is the expression that produced it (None for the context and other things nobody wrote), `bases` the values it was merged over,
    nearest first, `depth` its levels of nesting and `nodes` the scalars, arrays and objects in it, shared parts counted each time.
    """

    __slots__ = ("_content", "_declared_schema", "_flags", "_inside", "bases", "definition", "depth", "nodes")

    bases: tuple["Value", ...]
    definition: Expression | None
    depth: int
    nodes: int
    _content: Content
    _declared_schema: Schema | None
    _flags: int
    _inside: int

    def __init__(
        self,
        content: Content,
        definition: Expression | None,
        flags: int = 0,
        bases: tuple["Value", ...] = (),
        schema: Schema | None = None,
    ) -> None:
        inside, depth, nodes = flags, 1, 1
        if flags & UNKNOWN and not flags & ROTATE_ONLY:
            inside |= _OBSERVABLE
        if isinstance(content, tuple | dict):
            for child in content.values() if isinstance(content, dict) else content:
                inside |= child._inside
                nodes += child.nodes
                depth = max(depth, child.depth + 1)
        assign = object.__setattr__
        assign(self, "_content", content)
        assign(self, "_flags", flags)
        assign(self, "_inside", inside)
        assign(self, "_declared_schema", schema)
        assign(self, "bases", bases)
        assign(self, "definition", definition)
        assign(self, "depth", depth)
        assign(self, "nodes", nodes)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Value is immutable: cannot set {name}")

    def __repr__(self) -> str:
        marks = [
            name
            for name, marked in (("secret", self.is_secret), ("unknown", self.is_unknown), ("final", self.is_final))
            if marked
        ]
        return f"<Value: {' '.join((*marks, self.json_type))}>"

    # Flags

    @property
    def is_secret(self) -> bool:
        return bool(self._flags & SECRET)

    @property
    def is_unknown(self) -> bool:
        return bool(self._flags & UNKNOWN)

    @property
    def is_final(self) -> bool:
        return bool(self._flags & FINAL)

    @property
    def is_pending(self) -> bool:
        return bool(self._flags & PENDING)

    @property
    def is_sealed(self) -> bool:
        return bool(self._flags & SEALED)

    @property
    def is_complete(self) -> bool:
        """Whether nothing in it waits for an effect."""
        return not self._inside & PENDING

    @property
    def contains_secrets(self) -> bool:
        return bool(self._inside & SECRET)

    @property
    def contains_unknowns(self) -> bool:
        return bool(self._inside & UNKNOWN)

    @property
    def contains_observable_unknowns(self) -> bool:
        """Whether it holds an unknown other than a rotate-only input that was left alone."""
        return bool(self._inside & _OBSERVABLE)

    # Shape

    @property
    def is_object(self) -> bool:
        return isinstance(self._content, dict)

    @property
    def may_be_object(self) -> bool:
        """Whether it is an object, or is unknown and may turn out to be one."""
        return self.schema.may_be_object if self.is_unknown else self.is_object

    @property
    def is_array(self) -> bool:
        return isinstance(self._content, tuple)

    @property
    def json_type(self) -> TypeName:
        """The JSON type of the content; of an unknown value the one its schema names, or `null`."""
        if self.is_unknown:
            return self.schema.type or "null"
        return _TYPE_NAMES[type(self._content)]

    @property
    def properties(self) -> Mapping[str, "Value"]:
        """An object's properties, those of its bases merged in; empty for everything else."""
        return MappingProxyType(self._content) if isinstance(self._content, dict) else _EMPTY

    @property
    def elements(self) -> Sequence["Value"]:
        """An array's elements; empty for everything else."""
        return self._content if isinstance(self._content, tuple) else ()

    @property
    def schema(self) -> Schema:
        """What is known of the value's type: exactly itself where it is known."""
        from esc_operator.evaluation.static import schema_of

        return self._declared_schema or (ALWAYS if self.is_unknown else schema_of(self))

    def member(self, key: str) -> "Value | None":
        """The property as merge-patch semantics have it. Where an unknown value may hold it, an unknown; where nothing can, None."""
        if self.is_pending:
            return self
        if isinstance(self._content, dict) and key in self._content:
            return self._content[key]
        for layer in (self, *self.bases):
            if layer.is_pending:
                return layer
            if layer.is_unknown:
                return Value(None, layer.definition, layer._flags & ~FINAL, schema=layer.schema.of_property(key))
            if not layer.is_object:
                break
        return None

    def lookup(self, keys: Sequence[str | int]) -> "Value | None":
        """The part that a property path (see `lang.parse_access`) leads to; None where there is none."""
        found: Value | None = self
        for key in keys:
            if isinstance(key, str):
                found = found.properties.get(key) if found else None
            else:
                found = found.elements[key] if found and 0 <= key < len(found.elements) else None
        return found

    @property
    def definitions(self) -> "tuple[Definition, ...]":
        """Where the value was defined: its own place first, then those of the values it overrides."""
        from esc_operator.evaluation.trace import definitions_of

        return definitions_of(self)

    # Content

    def reveal(self) -> Any:
        """The plain data: None, bool, int, float, str, list or dict, secrets included. An unknown is the text `[unknown]`."""
        return self.to_data(redact=False)

    def reveal_scalar(self) -> Json:
        """A scalar as JSON data; None for arrays and objects."""
        content = self._content
        if isinstance(content, Number):
            return NumberText(content.text)
        return None if isinstance(content, tuple | dict) else cast(Json, content)

    def to_data(self, *, redact: bool = True) -> Any:
        """The plain data; with `redact` every secret is the text `[secret]`."""
        from esc_operator.evaluation.rendering import to_data

        return to_data(self, redact=redact)

    def to_json(self, *, redact: bool = True) -> str:
        """Compact JSON text, keys sorted, numbers by their text; with `redact` every secret is the text `[secret]`."""
        from esc_operator.evaluation.rendering import to_json

        return to_json(self, redact=redact)

    # Change

    def marked(self, flags: int) -> "Value":
        """The same value with more flags."""
        if self._flags & flags == flags:
            return self
        return Value(self._content, self.definition, self._flags | flags, self.bases, self._declared_schema)

    def defined_by(self, definition: Expression | None) -> "Value":
        """The same value as the result of another expression."""
        return Value(self._content, definition, self._flags, self.bases, self._declared_schema)

    def all_secret(self) -> "Value":
        """The same value, secret itself and in every part."""
        content = self._content
        if isinstance(content, tuple):
            content = tuple(element.all_secret() for element in content)
        elif isinstance(content, dict):
            content = {key: child.all_secret() for key, child in content.items()}
        return Value(content, self.definition, self._flags | SECRET, self.bases, self._declared_schema)


def unknown(definition: Expression | None, schema: Schema = ALWAYS, flags: int = 0) -> Value:
    """A value of which only the schema is known."""
    return Value(None, definition, UNKNOWN | flags, schema=schema)


def pending(definition: Expression | None, flags: int = 0) -> Value:
    """A value that waits for an effect."""
    return Value(None, definition, PENDING | flags)


_TYPE_NAMES: Final[Mapping[type, TypeName]] = {
    type(None): "null",
    bool: "boolean",
    Number: "number",
    str: "string",
    tuple: "array",
    dict: "object",
}
