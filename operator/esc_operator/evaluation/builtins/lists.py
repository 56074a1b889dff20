"""`fn::join`, `fn::split` and `fn::concat`."""

from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.values import SECRET, Value
from esc_operator.schema import ARRAY, STRING, STRINGS


def join(frame: Frame) -> Steps:
    """`fn::join: [delimiter, [string, ...]]`"""
    delimiter = yield frame.operand("delimiter")
    values = yield frame.operand("values")
    if not (delimiter.is_complete and values.is_complete):
        return frame.pending()
    if not all([frame.conforms(delimiter, STRING), frame.conforms(values, STRINGS)]):
        return frame.unknown(STRING)
    if delimiter.contains_unknowns or values.contains_unknowns:
        return frame.unknown(STRING, delimiter, values)
    texts = [str(element.reveal_scalar()) for element in values.elements]
    return frame.text(str(delimiter.reveal_scalar()).join(texts), delimiter, values)


def split(frame: Frame) -> Steps:
    """`fn::split: [delimiter, string]`; an empty delimiter splits into characters."""
    delimiter = yield frame.operand("delimiter")
    string = yield frame.operand("string")
    if not (delimiter.is_complete and string.is_complete):
        return frame.pending()
    if not all([frame.conforms(delimiter, STRING), frame.conforms(string, STRING)]):
        return frame.unknown(STRINGS)
    if delimiter.contains_unknowns or string.contains_unknowns:
        return frame.unknown(STRINGS, delimiter, string)
    separator, text = str(delimiter.reveal_scalar()), str(string.reveal_scalar())
    pieces = text.split(separator) if separator else list(text)
    # Upstream marks the array but not its elements, so that `${parts[0]}` of a secret is plain text.
    flags = SECRET if delimiter.is_secret or string.is_secret else 0
    return Value(tuple(Value(piece, frame.expression, flags) for piece in pieces), frame.expression, flags)


def concat(frame: Frame) -> Steps:
    """`fn::concat: [array, ...]`"""
    arrays = yield frame.operand("arrays")
    if not all(array.is_complete for array in (arrays, *arrays.elements)):
        return frame.pending()
    if not all([frame.conforms(array, ARRAY) for array in arrays.elements]):
        return frame.unknown(ARRAY)
    if arrays.is_unknown or any(array.is_unknown for array in arrays.elements):
        return frame.unknown(ARRAY, arrays)
    elements = tuple(element for array in arrays.elements for element in array.elements)
    return frame.value(Value(elements, None), arrays)
