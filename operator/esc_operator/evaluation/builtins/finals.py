"""`fn::final`."""

from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.values import FINAL
from esc_operator.lang.declarations import Call


def final(frame: Frame, call: Call) -> Steps:
    """`fn::final: value`: importers cannot override it."""
    value = yield frame.operand(call, "value")
    return frame.handed_on(value).marked(FINAL)
