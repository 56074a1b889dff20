"""`fn::final`."""

from esc_operator.evaluation.frames import Frame, Steps, secrecy
from esc_operator.evaluation.values import FINAL
from esc_operator.lang.declarations import Call


def final(frame: Frame, call: Call) -> Steps:
    """`fn::final: value`: importers cannot override it."""
    value = yield frame.operand(call, "value")
    # Upstream loses the properties that the value inherits from its bases.
    return value.defined_by(call).marked(FINAL | secrecy(value))
