"""What each kind of expression means. Builtins have clauses of their own in `builtins`."""

from collections.abc import Callable, Mapping
from typing import Final

from esc_operator.evaluation.builtins import CLAUSES
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.references import resolve
from esc_operator.evaluation.text import to_text
from esc_operator.evaluation.values import Value
from esc_operator.lang.declarations import Array, Call, Expression, Interpolation, Object, Reference
from esc_operator.schema import STRING


def evaluate_object(frame: Frame) -> Steps:
    """Properties in lexicographic order, which decides who is to blame for a cycle."""
    cell = frame.cell
    properties = {}
    for key in cell.keys:
        child = cell.child(key)
        properties[key] = (child.value if child.state == 2 else None) or (yield child)
    return Value(properties, cell.expression)


def _array(frame: Frame) -> Steps:
    cell = frame.cell
    elements = []
    for index in range(cell.length):
        elements.append((yield cell.child(index)))
    return Value(tuple(elements), cell.expression)


def _reference(frame: Frame) -> Steps:
    expression = frame.expression
    assert isinstance(expression, Reference)
    value = yield from resolve(frame, expression.accessors)
    return value.defined_by(expression)


def _interpolation(frame: Frame) -> Steps:
    expression = frame.expression
    assert isinstance(expression, Interpolation)
    values = []
    for part in expression.parts:
        if part.accessors is not None:
            values.append((yield from resolve(frame, part.accessors)))
    if not all(value.is_complete for value in values):
        return frame.pending()
    if any(value.contains_unknowns for value in values):
        return frame.unknown(STRING, *values)
    texts = iter(values)
    pieces = []
    for part in expression.parts:
        pieces.append(part.text)
        if part.accessors is not None:
            pieces.append(to_text(next(texts)).text)
    return frame.text("".join(pieces), *values)


def _call(frame: Frame) -> Steps:
    return (yield from CLAUSES[frame.call.builtin](frame))


KINDS: Final[Mapping[type[Expression], Callable[[Frame], Steps]]] = {
    Object: evaluate_object,
    Array: _array,
    Reference: _reference,
    Interpolation: _interpolation,
    Call: _call,
}
"""The meaning of every expression that is not a literal."""
