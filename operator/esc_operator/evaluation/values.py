"""The value of an expression: content, flags, and where it came from.

A value is immutable; merging, marking and re-homing make new ones. `repr` and `str` never show content: `reveal`, and
`rendering` with `redact=False`, are the ways out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from esc_operator.lang.budget import PART, text_units, weight
from esc_operator.lang.numbers import Number
from esc_operator.schema import ALWAYS, Json, NumberText, Schema, TypeName
from esc_operator.schema.model import constant, record_of, tuple_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from esc_operator.lang.declarations import Expression

    Content = None | bool | Number | str | tuple["Value", ...] | dict[str, "Value"]
    """An object's dict holds its merged properties; unknown and pending values hold None."""

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

_PART_BYTES: Final = 16
"""What a part adds to a value's size: a scalar, an array, an object."""

UNKNOWN_TEXT: Final = "[unknown]"

_EMPTY: Final[Mapping[str, Value]] = MappingProxyType({})


class Merged(NamedTuple):
    """What a value was merged from. The values below it are those below `top`, then `base`, then those below `base`;
    they are written out only when somebody asks, since each merge would otherwise repeat all before it.
    """

    top: Value
    base: Value


class Value:
    """What an expression evaluates to.

    `definition` is the expression that produced it, None for the context and other things without an author. `bases`
    are the values it was merged over, nearest first.
    """

    __slots__ = ("_content", "_definition", "_flags", "_measured", "_merged", "_schema")

    def __init__(
        self,
        content: Content,
        definition: Expression | None,
        flags: int = 0,
        merged: Merged | None = None,
        schema: Schema | None = None,
    ) -> None:
        self._content = content
        self._definition = definition
        self._flags = flags
        self._merged = merged
        self._schema = schema
        self._measured: tuple[int, int, int, int] | None = None

    def __repr__(self) -> str:
        flags = (("secret", SECRET), ("unknown", UNKNOWN), ("final", FINAL), ("pending", PENDING))
        return f"<Value: {' '.join([name for name, flag in flags if self._flags & flag] + [self.json_type])}>"

    @property
    def definition(self) -> Expression | None:
        return self._definition

    @property
    def bases(self) -> tuple[Value, ...]:
        return tuple(self.layers_below())

    def layers_below(self) -> Iterator[Value]:
        """The bases, nearest first, each once: what two imports have both imported is met more than once."""
        opened: set[int] = set()
        given: set[int] = set()
        waiting: list[tuple[Value, bool]] = [(self, False)]
        while waiting:
            value, is_base = waiting.pop()
            if is_base and id(value) not in given:
                given.add(id(value))
                yield value
            merged = value._merged  # noqa: SLF001 - of another value
            if not is_base and merged is not None and id(value) not in opened:
                opened.add(id(value))
                waiting += ((merged.base, False), (merged.base, True), (merged.top, False))

    # Flags

    @property
    def flags(self) -> int:
        """The value's own flags, as a bit set."""
        return self._flags

    @property
    def is_secret(self) -> bool:
        return self._flags & SECRET != 0

    @property
    def is_unknown(self) -> bool:
        return self._flags & UNKNOWN != 0

    @property
    def is_final(self) -> bool:
        return self._flags & FINAL != 0

    @property
    def is_pending(self) -> bool:
        return self._flags & PENDING != 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing in it waits for an effect."""
        return not self.measure()[0] & PENDING

    @property
    def contains_secrets(self) -> bool:
        return self.measure()[0] & SECRET != 0

    @property
    def contains_unknowns(self) -> bool:
        return self.measure()[0] & UNKNOWN != 0

    @property
    def contains_observable_unknowns(self) -> bool:
        """Whether it holds an unknown other than a rotate-only input that was left alone."""
        return self.measure()[0] & _OBSERVABLE != 0

    # Shape

    @property
    def is_object(self) -> bool:
        return type(self._content) is dict

    @property
    def is_array(self) -> bool:
        return type(self._content) is tuple

    @property
    def may_be_object(self) -> bool:
        """Whether it is an object, or is unknown and may turn out to be one."""
        return self.schema.may_be_object if self.is_unknown else self.is_object

    @property
    def json_type(self) -> TypeName:
        """The JSON type of the content; of an unknown value the one its schema names, or `null`."""
        return (self.schema.type or "null") if self.is_unknown else _TYPE_NAMES[type(self._content)]

    @property
    def depth(self) -> int:
        """Levels of nesting; 1 for a scalar."""
        return self.measure()[1]

    @property
    def size(self) -> int:
        """Bytes of everything in it written out, and 16 for each part; shared parts count each time."""
        return self.measure()[2]

    @property
    def writing_units(self) -> int:
        """What it costs to check, copy or write all of it once."""
        _, _, size, parts = self.measure()
        return PART * parts + 2 * text_units(size - _PART_BYTES * parts)

    @property
    def schema_units(self) -> int:
        """What it costs to make its schema."""
        return 1 if self.is_unknown else 2 * self.writing_units

    @property
    def properties(self) -> Mapping[str, Value]:
        """An object's properties, those of its bases merged in; empty for everything else."""
        return MappingProxyType(self._content) if isinstance(self._content, dict) else _EMPTY

    @property
    def elements(self) -> Sequence[Value]:
        """An array's elements; empty for everything else."""
        return self._content if isinstance(self._content, tuple) else ()

    @property
    def schema(self) -> Schema:
        """What is known of the value's type: exactly itself where it is known."""
        if self._schema is not None:
            return self._schema
        if self.is_unknown:
            return ALWAYS
        content = self._content
        if isinstance(content, dict):
            return record_of({key: child.schema for key, child in content.items()})
        if isinstance(content, tuple):
            return tuple_of(tuple(element.schema for element in content))
        return constant(self.json_type, self.reveal_scalar())

    def member(self, key: str) -> Value | None:
        """The property as merge-patch semantics have it: unknown where an unknown value may hold it, else None."""
        content = self._content
        if type(content) is dict:
            found = content.get(key)
            if found is not None or not self._flags & SEALED:
                return found
        return self._member_below(key)

    def _member_below(self, key: str) -> Value | None:
        for layer in (self, *self.layers_below()) if self._merged else (self,):
            if layer.is_pending:
                return layer
            if layer.is_unknown:
                flags = layer.flags & ~FINAL
                return Value(None, layer.definition, flags, schema=layer.schema.of_property(key))
            if not layer.is_object:
                break
        return None

    def lookup(self, keys: Sequence[str | int]) -> Value | None:
        """The part that a property path (see `lang.parse_access`) leads to; None where there is none."""
        found: Value | None = self
        for key in keys:
            if found is None:
                return None
            if isinstance(key, str):
                found = found.properties.get(key)
            else:
                found = found.elements[key] if 0 <= key < len(found.elements) else None
        return found

    # Content

    def reveal(self) -> Any:
        """The plain data: None, bool, int, float, str, list or dict, secrets included; an unknown is `[unknown]`."""
        if self.is_unknown or self.is_pending:
            return UNKNOWN_TEXT
        content = self._content
        if isinstance(content, dict):
            return {key: content[key].reveal() for key in sorted(content)}
        if isinstance(content, tuple):
            return [element.reveal() for element in content]
        return content.to_python() if isinstance(content, Number) else content

    def reveal_content(self) -> Content:
        """The content as the evaluator keeps it."""
        return self._content

    def reveal_scalar(self) -> Json:
        """A scalar as JSON data; None for arrays and objects."""
        content = self._content
        if isinstance(content, Number):
            return NumberText(content.text)
        return None if isinstance(content, tuple | dict) else content

    # Change

    def marked(self, flags: int) -> Value:
        """The same value with more flags."""
        if self._flags & flags == flags:
            return self
        value = Value(self._content, self._definition, self._flags | flags, self._merged, self._schema)
        if self._measured is not None and not flags & ~(SECRET | FINAL):
            value._measured = (self._measured[0] | flags, *self._measured[1:])
        return value

    def defined_by(self, definition: Expression | None) -> Value:
        """The same value as the result of another expression."""
        value = Value(self._content, definition, self._flags, self._merged, self._schema)
        value._measured = self._measured
        return value

    def all_secret(self) -> Value:
        """The same value, secret itself and in every part."""
        content = self._content
        if isinstance(content, tuple):
            content = tuple(element.all_secret() for element in content)
        elif isinstance(content, dict):
            content = {key: child.all_secret() for key, child in content.items()}
        return Value(content, self._definition, self._flags | SECRET, self._merged, self._schema)

    def measure(self) -> tuple[int, int, int, int]:
        """The flags of the value and of everything in it, its depth, its size and its parts; added up on the first
        question.
        """
        if self._measured is None:
            self._measured = self._measure()
        return self._measured

    def _measure(self) -> tuple[int, int, int, int]:
        inside, depth, size, parts = self._flags, 1, _PART_BYTES, 1
        if inside & UNKNOWN and not inside & ROTATE_ONLY:
            inside |= _OBSERVABLE
        content = self._content
        if isinstance(content, str):
            return inside, depth, size + (len(content) if content.isascii() else weight(content)), parts
        children: Iterable[Value] = ()
        # One class at a time: a union of two is made anew for each question.
        if isinstance(content, dict):
            children, keys = content.values(), "".join(content)
            size += len(keys) if keys.isascii() else sum(map(weight, content))
        elif isinstance(content, tuple):
            children = content
        elif isinstance(content, Number):
            size += len(content.text)
        for child in children:
            child_inside, child_depth, child_size, child_parts = child._measured or child.measure()  # noqa: SLF001
            inside |= child_inside
            size += child_size
            parts += child_parts
            if child_depth >= depth:
                depth = child_depth + 1
        return inside, depth, size, parts


def unknown(definition: Expression | None, schema: Schema = ALWAYS, flags: int = 0) -> Value:
    """A value of which only the schema is known."""
    return Value(None, definition, UNKNOWN | flags, schema=schema)


PENDING_VALUE: Final = Value(None, None, PENDING)
"""What stands for a value until the effects it waits for are answered."""

_TYPE_NAMES: Final[Mapping[type, TypeName]] = {
    type(None): "null",
    bool: "boolean",
    Number: "number",
    str: "string",
    tuple: "array",
    dict: "object",
}
