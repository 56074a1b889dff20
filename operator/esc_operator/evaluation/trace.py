"""Where a value was defined."""

from typing import NamedTuple

from esc_operator.evaluation.values import Value
from esc_operator.lang.diagnostics import Range


class Definition(NamedTuple):
    """A place that defines a value: document path, environment, and range where there is text."""

    path: str
    environment: str
    range: Range | None


def definitions_of(value: Value) -> tuple[Definition, ...]:
    """The value's own place, then those of the values it was merged over, nearest first, each once."""
    found: dict[Definition, None] = {}
    for layer in (value, *value.bases):
        expression = layer.definition
        if expression is not None:
            found[Definition(expression.path, expression.node.source.name, expression.range)] = None
    return tuple(found)
