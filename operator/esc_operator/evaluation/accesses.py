"""Property access into values, known and unknown; an invalid access is reported at the accessor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from esc_operator.evaluation.values import Value, unknown
from esc_operator.formats.spelling import Known
from esc_operator.lang import reasons
from esc_operator.lang.access import Accessor
from esc_operator.lang.budget import CELL, FINDING, text_units
from esc_operator.lang.diagnostics import Diagnostic, Severity
from esc_operator.lang.nodes import ScalarNode
from esc_operator.lang.quoting import quote

if TYPE_CHECKING:
    from esc_operator.evaluation.frames import Frame
    from esc_operator.lang.declarations import Expression
    from esc_operator.schema import Schema

Accessors = Sequence[Accessor]


def access_value(frame: Frame, expression: Expression, receiver: Value, accessors: Accessors) -> Value:
    """The part of a value that the accessors lead to."""
    for index, accessor in enumerate(accessors):
        if receiver.is_pending:
            return receiver
        if receiver.is_unknown:
            return _access_unknown(frame, expression, receiver.schema, accessors[index:])
        part = _part(frame, expression, receiver, accessor)
        if part is None:
            return invalid(expression)
        if part is receiver:
            return _access_below(frame, expression, receiver, accessors[index:])
        receiver = part
    return receiver


def _part(frame: Frame, expression: Expression, receiver: Value, accessor: Accessor) -> Value | None:
    """The part of a known value at one accessor; None, reported, if the value has no such part.

    An object that lacks the property returns itself: the property may be below it.
    """
    if receiver.is_array:
        position = array_index(frame, expression, accessor, len(receiver.elements))
        return None if position is None else receiver.elements[position]
    if receiver.is_object:
        key = object_key(frame, expression, accessor)
        return None if key is None else receiver.properties.get(key, receiver)
    _refuse(frame, expression, accessor, "receiver must be an array or an object")
    return None


def _access_below(frame: Frame, expression: Expression, receiver: Value, accessors: Accessors) -> Value:
    """A property that no known layer of the object has: an unknown below may still have it."""
    deepest = receiver
    for layer in receiver.layers_below():
        frame.charge(1)
        if layer.is_object:
            deepest = layer
            continue
        if layer.is_unknown and layer.may_be_object:
            return _access_unknown(frame, expression, layer.schema, accessors)
        break
    unknown_property(frame, expression, accessors[0], _nameable(frame, receiver, deepest))
    return invalid(expression)


def _nameable(frame: Frame, receiver: Value, deepest: Value) -> Collection[str]:
    """The properties that a message may name. The keys of a secret may be as secret as it is, unless they are those of
    a provider's schema."""
    if not (receiver.is_secret or deepest.is_secret):
        return deepest.properties
    declared: set[str] = set()
    waiting = list(frame.state.outputs.values())
    while waiting:
        schema = waiting.pop()
        frame.charge(len(schema.properties))
        declared.update(schema.properties)
        waiting += schema.properties.values()
    return declared & deepest.properties.keys()


def _access_unknown(frame: Frame, expression: Expression, schema: Schema, accessors: Accessors) -> Value:
    """An unknown part of an unknown value, checked against its schema."""
    for accessor in accessors:
        if schema.is_always:
            break
        if schema.type == "array":
            closed = schema.items is not None and schema.items.is_never
            length = len(schema.prefix_items) if closed else None
            position = array_index(frame, expression, accessor, length)
            if position is None:
                return invalid(expression)
            schema = schema.of_item(position)
        elif schema.type == "object":
            key = object_key(frame, expression, accessor)
            if key is None:
                return invalid(expression)
            schema = schema.of_property(key)
        else:
            _refuse(frame, expression, accessor, "receiver must be an array or an object")
            return invalid(expression)
    return unknown(expression, schema)


def array_index(frame: Frame, expression: Expression, accessor: Accessor, length: int | None) -> int | None:
    """The index that an accessor names in an array of `length` (None if not known); None, reported, if it names
    none.
    """
    index = accessor.key
    if isinstance(index, str):
        problem = "cannot access an array element using a property name"
    elif index < 0:
        problem = "array indices must not be negative"
    elif length is not None and index >= length:
        problem = f"array index {index} out-of-bounds for array of length {length}"
    else:
        return index
    _refuse(frame, expression, accessor, problem)
    return None


def object_key(frame: Frame, expression: Expression, accessor: Accessor) -> str | None:
    """The key that an accessor names in an object; None, reported, if it is an index."""
    if isinstance(accessor.key, str):
        return accessor.key
    _refuse(frame, expression, accessor, "cannot access an object property using an integer index")
    return None


def unknown_property(frame: Frame, expression: Expression, accessor: Accessor, known: Collection[str]) -> None:
    """Reports that none of the `known` properties matches, and suggests one, or lists them.

    A mistake in an environment of another place is reported without a suggestion: that place shares the environment's
    values, and not the names of what the environment imports."""
    key = str(accessor.key)
    frame.charge(CELL + text_units(len(key)))
    summary, detail = f"unknown property {quote(key)}", ""
    if (speller := frame.speller) is not None:
        if (suggestion := speller.nearest(key, known)) is not None:
            summary += f"; did you mean {quote(suggestion)}?"
        else:
            detail = speller.hint(key, Known(known, "the properties are")).removeprefix("; ")
            frame.charge(text_units(len(detail)))
    _refuse(frame, expression, accessor, summary, reasons.UNKNOWN_PROPERTY, detail)


def invalid(expression: Expression) -> Value:
    """The value of an invalid access."""
    return unknown(expression)


def _refuse(  # noqa: PLR0913, PLR0917  (the last two have defaults)
    frame: Frame,
    expression: Expression,
    accessor: Accessor,
    summary: str,
    reason: str = reasons.INVALID_ACCESS,
    detail: str = "",
) -> None:
    frame.charge(FINDING)
    node = expression.node
    where = node.part(accessor.begin, accessor.end) if isinstance(node, ScalarNode) else node.range
    frame.findings.append(Diagnostic(Severity.ERROR, summary, expression.path, where, reason, detail=detail))
