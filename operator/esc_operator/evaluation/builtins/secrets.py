"""`fn::secret`."""

from esc_operator.evaluation.answers import Decrypted
from esc_operator.evaluation.effects import Decrypt
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.values import PENDING_VALUE, SECRET, Value, unknown
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Call, Literal
from esc_operator.lang.diagnostics import Failed
from esc_operator.lang.envelope import open_envelope
from esc_operator.schema import STRING


def secret(frame: Frame, call: Call) -> Steps:
    """`fn::secret: text` is the text; `fn::secret: {ciphertext: envelope}` is decrypted, or unknown in a check."""
    envelope = call.operands.get("ciphertext")
    if isinstance(envelope, Literal):
        return _decrypt(frame, call, str(envelope.value))
    return (yield frame.operand(call, "plaintext")).marked(SECRET)


def _decrypt(frame: Frame, call: Call, envelope: str) -> Value:
    key = Decrypt, frame.scope.identity, envelope
    if not frame.state.has_asked(key):
        ciphertext, problem = open_envelope(envelope)
        if ciphertext is None:
            frame.error(call, f"invalid ciphertext: {problem}", reasons.DECRYPTION_FAILED)
            return unknown(call, STRING, SECRET)
        if not frame.state.options.decrypts:
            return unknown(call, STRING, SECRET)
        frame.ask(key, lambda number: Decrypt(number, frame.scope.identity, ciphertext), Decrypted)
        return PENDING_VALUE
    answer = frame.state.answer_to(key, Decrypted)
    if answer is None:
        return PENDING_VALUE
    if isinstance(answer, Failed):
        frame.error(call, f"decrypting: {answer.message}", reasons.DECRYPTION_FAILED, answer)
        return unknown(call, STRING, SECRET)
    plaintext = answer.plaintext
    if isinstance(plaintext, bytes):
        plaintext = plaintext.decode("utf-8", "surrogateescape")
    return Value(plaintext, call, SECRET)
