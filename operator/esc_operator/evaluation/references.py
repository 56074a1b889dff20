"""References: from an access to the value it names.

Resolution walks the expressions, not their values, so that siblings in one object may refer to each other; only the
target is evaluated. Where the walk meets something that is no literal, that is evaluated and the rest of the access
goes into its value.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import TYPE_CHECKING, Final

from esc_operator.evaluation.accesses import Accessors, access_value, array_index, invalid, object_key, unknown_property
from esc_operator.evaluation.context import context_of
from esc_operator.evaluation.imports import import_environment
from esc_operator.evaluation.tasks import Task
from esc_operator.evaluation.values import Value
from esc_operator.lang.declarations import Array, Expression, Object

if TYPE_CHECKING:
    from esc_operator.evaluation.frames import Frame
    from esc_operator.evaluation.tasks import Cell

_STEP: Final = 2
"""Units of work of one step of an access."""

Resolution = Generator[Task, Value, Value]


def resolve(frame: Frame, expression: Expression, accessors: Accessors) -> Resolution:
    """The value that an access in `expression` names; an unknown, with one diagnostic, where it names none."""
    frame.charge(_STEP * len(accessors))
    first = accessors[0].key
    if first == "imports":
        return access_value(frame, expression, frame.scope.imports or Value({}, None), accessors[1:])
    if first == "context":
        return access_value(frame, expression, context_of(frame.scope, frame.state.options.context), accessors[1:])
    if first == "environments":
        return (yield from _resolve_environment(frame, expression, accessors))
    return (yield from _resolve_own(frame, expression, accessors))


def _resolve_own(frame: Frame, expression: Expression, accessors: Accessors) -> Resolution:
    cell = frame.scope.root
    for index, accessor in enumerate(accessors):
        literal = cell.expression
        if cell.is_overridden or not isinstance(literal, Object | Array):
            # A literal that a final value overrides is no way in: upstream lets an access through to it.
            return access_value(frame, expression, (yield cell), accessors[index:])
        if isinstance(literal, Array):
            cells = cell.elements(literal)
            position = array_index(frame, expression, accessor, len(cells))
            if position is None:
                return invalid(expression)
            cell = cells[position]
            continue
        key = object_key(frame, expression, accessor)
        if key is None:
            return invalid(expression)
        properties = cell.properties(literal)
        if key not in properties:
            return _inherited(frame, expression, cell, properties, accessors[index:])
        cell = properties[key]
    return (yield cell)


def _inherited(frame: Frame, expression: Expression, cell: Cell, own: Collection[str], accessors: Accessors) -> Value:
    base = cell.base
    if base is not None and (base.may_be_object or base.is_pending):
        return access_value(frame, expression, base, accessors)
    unknown_property(frame, expression, accessors[0], own)
    return invalid(expression)


def _resolve_environment(frame: Frame, expression: Expression, accessors: Accessors) -> Resolution:
    """`${environments.PROJECT.NAME...}`: an import for this one use, not merged."""
    if len(accessors) < 3:
        return invalid(expression)
    project, name = (object_key(frame, expression, accessor) for accessor in accessors[1:3])
    if project is None or name is None:
        return invalid(expression)
    value = yield from import_environment(frame, f"{project}/{name}", expression.node)
    if value is None:
        return invalid(expression)
    return access_value(frame, expression, value, accessors[3:])
