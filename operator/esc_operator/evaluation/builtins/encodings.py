"""`fn::toJSON`, `fn::fromJSON`, `fn::toYAML`, `fn::toString`, `fn::toBase64` and `fn::fromBase64`."""

from esc_operator.evaluation.builtins.operands import read_operands, text_of
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.json_reader import JsonError, read_json, reading_units
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.rendering import to_json as render_json
from esc_operator.evaluation.rendering import to_json_data
from esc_operator.evaluation.text import convert
from esc_operator.evaluation.values import Value
from esc_operator.lang import reasons
from esc_operator.lang.base64text import coding_units, decode, encode
from esc_operator.lang.declarations import Call
from esc_operator.schema import ALWAYS, STRING


def to_json(frame: Frame, call: Call) -> Steps:
    """`fn::toJSON: value`"""
    operands = yield from read_operands(frame, call, {"value": ALWAYS}, STRING)
    if isinstance(operands, Value):
        return operands
    frame.charge(operands[0].writing_units)
    return frame.text([render_json(operands[0], redact=False)], *operands)


def from_json(frame: Frame, call: Call) -> Steps:
    """`fn::fromJSON: string`: the first JSON value in the string; of a secret, every part is secret."""
    operands = yield from read_operands(frame, call, {"value": STRING}, ALWAYS)
    if isinstance(operands, Value):
        return operands
    string, deepest = operands[0], frame.limits.levels
    text = text_of(string)
    frame.charge(reading_units(text))
    try:
        return from_data(read_json(text, deepest=deepest), call, secret=string.is_secret, deepest=deepest)
    except (JsonError, NotPlainError) as error:
        # Upstream's message quotes a character of the string, even of a secret one.
        detail = "the secret is not valid JSON" if string.is_secret else str(error)
        frame.error(call, f"decoding JSON string: {detail}", reasons.INVALID_ENCODING)
        return frame.unknown(ALWAYS, string)


def to_string(frame: Frame, call: Call) -> Steps:
    """`fn::toString: value`"""
    operands = yield from read_operands(frame, call, {"value": ALWAYS}, STRING)
    return operands if isinstance(operands, Value) else frame.text([convert(operands[0], frame.charge)], *operands)


def to_yaml(frame: Frame, call: Call) -> Steps:
    """`fn::toYAML: value`"""
    operands = yield from read_operands(frame, call, {"value": ALWAYS}, STRING)
    if isinstance(operands, Value):
        return operands
    # Imported by the first who asks: few do, and a command starts sooner without it.
    from esc_operator.evaluation.yaml_text import to_yaml as render_yaml
    from esc_operator.evaluation.yaml_text import writing_units

    frame.charge(writing_units(operands[0]))
    return frame.text([render_yaml(to_json_data(operands[0], redact=False))], *operands)


def to_base64(frame: Frame, call: Call) -> Steps:
    """`fn::toBase64: string`"""
    operands = yield from read_operands(frame, call, {"value": STRING}, STRING)
    if isinstance(operands, Value):
        return operands
    text = text_of(operands[0])
    frame.charge(coding_units(text))
    return frame.text([encode(text.encode("utf-8", "surrogateescape"))], *operands)


def from_base64(frame: Frame, call: Call) -> Steps:
    """`fn::fromBase64: string`; bytes that are not UTF-8 survive, as surrogate escapes."""
    operands = yield from read_operands(frame, call, {"value": STRING}, STRING)
    if isinstance(operands, Value):
        return operands
    text = text_of(operands[0])
    frame.charge(coding_units(text))
    decoded, offset = decode(text)
    if decoded is None:
        summary = f"decoding base64 string: illegal base64 data at input byte {offset}"
        frame.error(call, summary, reasons.INVALID_ENCODING)
        return frame.unknown(STRING, *operands)
    return frame.text([decoded.decode("utf-8", "surrogateescape")], *operands)
