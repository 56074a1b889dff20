"""`fn::secret`."""

from esc_operator.evaluation.answers import Decrypted
from esc_operator.evaluation.effects import Decrypt
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.values import SECRET, Value
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Literal
from esc_operator.lang.diagnostics import Failed
from esc_operator.lang.envelope import open_envelope
from esc_operator.schema import STRING


def secret(frame: Frame) -> Steps:
    """`fn::secret: text` is the text; `fn::secret: {ciphertext: envelope}` is decrypted, or unknown in a check."""
    if "plaintext" in frame.call.operands:
        return (yield frame.operand("plaintext")).marked(SECRET)
    return _decrypt(frame)


def _decrypt(frame: Frame) -> Value:
    envelope = frame.call.operands["ciphertext"]
    assert isinstance(envelope, Literal)
    ciphertext, problem = open_envelope(str(envelope.value))
    if ciphertext is None:
        frame.error(frame.expression, f"invalid ciphertext: {problem}", reasons.DECRYPTION_FAILED)
        return frame.unknown(STRING).marked(SECRET)
    if not frame.evaluator.decrypts:
        return frame.unknown(STRING).marked(SECRET)
    identity = frame.scope.identity
    answer = frame.ask((Decrypt, identity, ciphertext), lambda number: Decrypt(number, identity, ciphertext))
    if answer is None:
        return frame.pending()
    if isinstance(answer, Failed):
        frame.failed(answer, reasons.DECRYPTION_FAILED, "decrypting: ")
        return frame.unknown(STRING).marked(SECRET)
    assert isinstance(answer, Decrypted)
    plaintext = answer.plaintext
    if isinstance(plaintext, bytes):
        plaintext = plaintext.decode("utf-8", "surrogateescape")
    return frame.text(plaintext).marked(SECRET)
