"""`fn::join`, `fn::split` and `fn::concat`."""

from esc_operator.evaluation.builtins.operands import read_operands, text_of
from esc_operator.evaluation.frames import Frame, Steps, secrecy
from esc_operator.evaluation.values import Value
from esc_operator.lang.budget import PART, text_units, weight
from esc_operator.lang.declarations import Call
from esc_operator.schema import ARRAY, ARRAYS, STRING, STRINGS


def join(frame: Frame, call: Call) -> Steps:
    """`fn::join: [delimiter, [string, ...]]`"""
    operands = yield from read_operands(frame, call, {"delimiter": STRING, "values": STRINGS}, STRING)
    if isinstance(operands, Value):
        return operands
    delimiter, values = operands
    separator = text_of(delimiter)
    frame.charge(len(values.elements))
    pieces: list[str] = []
    for element in values.elements:
        pieces += (separator, text_of(element))
    return frame.text(pieces[1:], delimiter, values)


def split(frame: Frame, call: Call) -> Steps:
    """`fn::split: [delimiter, string]`; an empty delimiter splits into characters."""
    operands = yield from read_operands(frame, call, {"delimiter": STRING, "string": STRING}, STRINGS)
    if isinstance(operands, Value):
        return operands
    separator, text = (text_of(operand) for operand in operands)
    frame.charge(PART * (1 + (text.count(separator) if separator else len(text))) + text_units(weight(text)))
    pieces = text.split(separator) if separator else list(text)
    # Upstream marks the array but not its elements, so that `${parts[0]}` of a secret is plain text.
    flags = secrecy(*operands)
    return Value(tuple(Value(piece, call, flags) for piece in pieces), call, flags)


def concat(frame: Frame, call: Call) -> Steps:
    """`fn::concat: [array, ...]`"""
    operands = yield from read_operands(frame, call, {"arrays": ARRAYS}, ARRAY)
    if isinstance(operands, Value):
        return operands
    frame.charge(sum(1 + len(array.elements) // 2 for array in operands[0].elements))
    elements = tuple(element for array in operands[0].elements for element in array.elements)
    return Value(elements, call, secrecy(*operands))
