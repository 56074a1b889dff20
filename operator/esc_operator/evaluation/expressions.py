"""What each kind of expression means. Builtins have clauses of their own in `builtins`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from esc_operator.evaluation.builtins import clause_of
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.references import resolve
from esc_operator.evaluation.tasks import DONE
from esc_operator.evaluation.text import convert
from esc_operator.evaluation.values import PENDING_VALUE, Value
from esc_operator.lang.declarations import Array, Call, Expression, Interpolation, Object, Reference
from esc_operator.schema import STRING


def _object(frame: Frame, expression: Object) -> Steps:
    """Properties are evaluated in lexicographic order, which decides who is to blame for a cycle."""
    properties = {}
    for key, cell in frame.cell.properties(expression).items():
        value = cell.value if cell.state == DONE else None
        properties[key] = value if value is not None else (yield cell)
    return Value(properties, expression)


def _array(frame: Frame, expression: Array) -> Steps:
    elements = []  # filled by a loop: a comprehension cannot yield
    for cell in frame.cell.elements(expression):
        elements.append((yield cell))  # noqa: PERF401
    return Value(tuple(elements), expression)


def _reference(frame: Frame, expression: Reference) -> Steps:
    value = yield from resolve(frame, expression, expression.accessors)
    return value.defined_by(expression)


def _interpolation(frame: Frame, expression: Interpolation) -> Steps:
    values = []  # filled by a loop: a comprehension cannot yield
    frame.charge(2 * len(expression.parts))
    for part in expression.parts:
        if part.accessors is not None:
            values.append((yield from resolve(frame, expression, part.accessors)))  # noqa: PERF401
    if not all(value.is_complete for value in values):
        return PENDING_VALUE
    if any(value.contains_unknowns for value in values):
        return frame.unknown(STRING, *values)
    pieces: list[str | None] = []
    converted = iter(values)
    for part in expression.parts:
        pieces.append(part.text)
        if part.accessors is not None:
            pieces.append(convert(next(converted), frame.charge))
    return frame.text(pieces, *values)


def _call(frame: Frame, expression: Call) -> Steps:
    return clause_of(expression.builtin)(frame, expression)


KINDS: Final[Mapping[type[Expression], Callable[[Frame, Any], Steps]]] = {
    Object: _object,
    Array: _array,
    Reference: _reference,
    Interpolation: _interpolation,
    Call: _call,
}
"""The meaning of every expression that is not a literal."""
