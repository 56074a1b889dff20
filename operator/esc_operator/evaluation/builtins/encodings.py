"""`fn::toJSON`, `fn::fromJSON`, `fn::toString`, `fn::toBase64` and `fn::fromBase64`."""

from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.json_reader import JsonError, read_json
from esc_operator.evaluation.plain import NotPlainError, from_data
from esc_operator.evaluation.rendering import to_json as render_json
from esc_operator.evaluation.text import to_text
from esc_operator.lang import reasons
from esc_operator.lang.base64text import decode, encode
from esc_operator.schema import ALWAYS, STRING


def to_json(frame: Frame) -> Steps:
    """`fn::toJSON: value`"""
    value = yield frame.operand("value")
    if not value.is_complete:
        return frame.pending()
    if value.contains_unknowns:
        return frame.unknown(STRING, value)
    return frame.text(render_json(value, redact=False), value)


def from_json(frame: Frame) -> Steps:
    """`fn::fromJSON: string`: the first JSON value in the string; of a secret, every part is secret."""
    string = yield frame.operand("value")
    if not string.is_complete:
        return frame.pending()
    if not frame.conforms(string, STRING):
        return frame.unknown()
    if string.contains_unknowns:
        return frame.unknown(ALWAYS, string)
    try:
        data = read_json(str(string.reveal_scalar()), deepest=frame.limits.depth)
        return from_data(data, frame.expression, secret=string.is_secret, deepest=frame.limits.depth)
    except (JsonError, NotPlainError) as error:
        # Upstream's message quotes a character of the string, even of a secret one.
        detail = "the secret is not valid JSON" if string.is_secret else str(error)
        frame.error(frame.expression, f"decoding JSON string: {detail}", reasons.INVALID_ENCODING)
        return frame.unknown(ALWAYS, string)


def to_string(frame: Frame) -> Steps:
    """`fn::toString: value`"""
    value = yield frame.operand("value")
    if not value.is_complete:
        return frame.pending()
    if value.contains_unknowns:
        return frame.unknown(STRING, value)
    return frame.text(to_text(value).text, value)


def to_base64(frame: Frame) -> Steps:
    """`fn::toBase64: string`"""
    string = yield frame.operand("value")
    if not string.is_complete:
        return frame.pending()
    if not frame.conforms(string, STRING):
        return frame.unknown(STRING)
    if string.contains_unknowns:
        return frame.unknown(STRING, string)
    return frame.text(encode(str(string.reveal_scalar()).encode("utf-8", "surrogateescape")), string)


def from_base64(frame: Frame) -> Steps:
    """`fn::fromBase64: string`; bytes that are not UTF-8 survive, as surrogate escapes."""
    string = yield frame.operand("value")
    if not string.is_complete:
        return frame.pending()
    if not frame.conforms(string, STRING):
        return frame.unknown(STRING)
    if string.contains_unknowns:
        return frame.unknown(STRING, string)
    decoded, offset = decode(str(string.reveal_scalar()))
    if decoded is None:
        summary = f"decoding base64 string: illegal base64 data at input byte {offset}"
        frame.error(frame.expression, summary, reasons.INVALID_ENCODING)
        return frame.unknown(STRING, string)
    return frame.text(decoded.decode("utf-8", "surrogateescape"), string)
