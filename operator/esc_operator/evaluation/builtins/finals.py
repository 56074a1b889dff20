"""`fn::final`."""

from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.values import FINAL, SECRET


def final(frame: Frame) -> Steps:
    """`fn::final: value`: importers cannot override it."""
    value = yield frame.operand("value")
    # Upstream loses the properties that the value inherits from its bases.
    flags = FINAL | (SECRET if value.contains_secrets else 0)
    return value.defined_by(frame.expression).marked(flags)
