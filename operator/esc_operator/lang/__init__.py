"""The environment language: text → declarations with ranges.

Owns syntax: YAML and its scalars, expressions, the shape of a definition, the envelope of a secret at rest. Knows
nothing of evaluation and does no I/O. Invariant: whatever the input, a front end returns `(environment or None,
diagnostics)` and does not raise.
"""

from esc_operator.lang.access import parse_access
from esc_operator.lang.declarations import Environment
from esc_operator.lang.diagnostics import Diagnostic, Diagnostics, Failed, Position, Range, Severity, in_order
from esc_operator.lang.document import parse_object, parse_text
from esc_operator.lang.limits import DEFAULT_LIMITS, Limits
from esc_operator.lang.templates import parse_template

__all__ = [
    "DEFAULT_LIMITS",
    "Diagnostic",
    "Diagnostics",
    "Environment",
    "Failed",
    "Limits",
    "Position",
    "Range",
    "Severity",
    "in_order",
    "parse_access",
    "parse_object",
    "parse_template",
    "parse_text",
]
