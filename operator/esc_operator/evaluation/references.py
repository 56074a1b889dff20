"""References: from an access to the value it names.

Resolution walks the expressions, not their values, so that siblings in one object may refer to each other; only the target is evaluated. Where the
walk meets something that is no literal, that is evaluated and the rest of the access goes into its value.
"""

from collections.abc import Generator, Sequence

from esc_operator.evaluation.context import context_of
from esc_operator.evaluation.frames import Frame
from esc_operator.evaluation.imports import import_environment
from esc_operator.evaluation.tasks import Cell, Task
from esc_operator.evaluation.values import Value, unknown
from esc_operator.lang import reasons
from esc_operator.lang.access import Accessor
from esc_operator.lang.declarations import Array
from esc_operator.lang.diagnostics import Diagnostic, Severity
from esc_operator.lang.nodes import ScalarNode
from esc_operator.lang.spelling import nearest
from esc_operator.schema import Schema

Accessors = Sequence[Accessor]
Resolution = Generator[Task, Value, Value]


def resolve(frame: Frame, accessors: Accessors) -> Resolution:
    """The value that the access names; an unknown, with one diagnostic, where it names none."""
    match accessors[0].key:
        case "imports":
            assert frame.scope.imports is not None
            return access_value(frame, frame.scope.imports, accessors[1:])
        case "context":
            return access_value(frame, context_of(frame.scope, frame.evaluator.context), accessors[1:])
        case "environments":
            return (yield from _resolve_environment(frame, accessors))
        case _:
            return (yield from _resolve_own(frame, accessors))


def _resolve_own(frame: Frame, accessors: Accessors) -> Resolution:
    cell = frame.scope.root
    for index, accessor in enumerate(accessors):
        if cell.is_overridden or (cell.entries is None and not isinstance(cell.expression, Array)):
            # A literal that a final value overrides is no way in: upstream lets an access through to it.
            return access_value(frame, (yield cell), accessors[index:])
        if cell.entries is None:
            position = _array_index(frame, accessor, cell.length)
            if position is None:
                return _invalid(frame)
            cell = cell.child(position)
            continue
        key = _object_key(frame, accessor)
        if key is None:
            return _invalid(frame)
        if not cell.has(key):
            return _inherited(frame, cell, key, accessors[index:])
        cell = cell.child(key)
    return (yield cell)


def _inherited(frame: Frame, cell: Cell, key: str, accessors: Accessors) -> Value:
    base = cell.base
    if base is not None and (base.may_be_object or base.is_pending):
        return access_value(frame, base, accessors)
    _unknown_property(frame, accessors[0], key, list(cell.keys))
    return _invalid(frame)


def _resolve_environment(frame: Frame, accessors: Accessors) -> Resolution:
    """`${environments.PROJECT.NAME...}`: an import for this one use, not merged."""
    if len(accessors) < 3:
        return _invalid(frame)
    project, name = _object_key(frame, accessors[1]), _object_key(frame, accessors[2])
    if project is None or name is None:
        return _invalid(frame)
    value = yield from import_environment(frame, f"{project}/{name}", frame.expression.node)
    return _invalid(frame) if value is None else access_value(frame, value, accessors[3:])


def access_value(frame: Frame, receiver: Value, accessors: Accessors) -> Value:
    """The part of a value that the accessors lead to."""
    for index, accessor in enumerate(accessors):
        if receiver.is_pending:
            return receiver
        if receiver.is_unknown:
            return _access_unknown(frame, receiver.schema, accessors[index:])
        if receiver.is_array:
            position = _array_index(frame, accessor, len(receiver.elements))
            if position is None:
                return _invalid(frame)
            receiver = receiver.elements[position]
        elif receiver.is_object:
            key = _object_key(frame, accessor)
            if key is None:
                return _invalid(frame)
            if key not in receiver.properties:
                return _access_below(frame, receiver, key, accessors[index:])
            receiver = receiver.properties[key]
        else:
            _refuse(frame, accessor, "receiver must be an array or an object", reasons.INVALID_ACCESS)
            return _invalid(frame)
    return receiver


def _access_below(frame: Frame, receiver: Value, key: str, accessors: Accessors) -> Value:
    """A property that neither the object nor the objects below it have: an unknown at the bottom may still have it."""
    deepest = receiver
    for layer in receiver.bases:
        if layer.is_pending:
            return layer
        if not layer.is_object:
            if layer.is_unknown and layer.may_be_object:
                return _access_unknown(frame, layer.schema, accessors)
            break
        deepest = layer
    _unknown_property(frame, accessors[0], key, list(deepest.properties))
    return _invalid(frame)


def _access_unknown(frame: Frame, schema: Schema, accessors: Accessors) -> Value:
    """An unknown part of an unknown; its schema, as far as there is one, is held to."""
    for accessor in accessors:
        if schema.is_always:
            break
        if schema.type == "array":
            length = len(schema.prefix_items) if schema.items is not None and schema.items.is_never else None
            position = _array_index(frame, accessor, length)
            if position is None:
                return _invalid(frame)
            schema = schema.of_item(position)
        elif schema.type == "object":
            key = _object_key(frame, accessor)
            if key is None:
                return _invalid(frame)
            schema = schema.of_property(key)
        else:
            _refuse(frame, accessor, "receiver must be an array or an object", reasons.INVALID_ACCESS)
            return _invalid(frame)
    return unknown(frame.expression, schema)


def _array_index(frame: Frame, accessor: Accessor, length: int | None) -> int | None:
    index = accessor.key
    if isinstance(index, str):
        problem = "cannot access an array element using a property name"
    elif index < 0:
        problem = "array indices must not be negative"
    elif length is not None and index >= length:
        problem = f"array index {index} out-of-bounds for array of length {length}"
    else:
        return index
    _refuse(frame, accessor, problem, reasons.INVALID_ACCESS)
    return None


def _object_key(frame: Frame, accessor: Accessor) -> str | None:
    if isinstance(accessor.key, str):
        return accessor.key
    _refuse(frame, accessor, "cannot access an object property using an integer index", reasons.INVALID_ACCESS)
    return None


def _unknown_property(frame: Frame, accessor: Accessor, key: str, candidates: list[str]) -> None:
    suggestion = nearest(key, candidates)
    hint = f'; did you mean "{suggestion}"?' if suggestion is not None else ""
    _refuse(frame, accessor, f'unknown property "{key}"{hint}', reasons.UNKNOWN_PROPERTY)


def _refuse(frame: Frame, accessor: Accessor, summary: str, reason: str) -> None:
    node, path = frame.expression.node, frame.expression.path
    where = node.part(accessor.begin, accessor.end) if isinstance(node, ScalarNode) else node.range
    frame.diagnostics.append(Diagnostic(Severity.ERROR, summary, path, where, reason))


def _invalid(frame: Frame) -> Value:
    return unknown(frame.expression)
