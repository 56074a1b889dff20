"""What each builtin means: one clause a builtin, registered here under its name.

The form of a call (which operands it has) is read in `lang.builtins`. A clause is a generator: it yields the operands
it needs, is sent their values, and returns the call's value, which is pending while an operand or an effect is.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Final

from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.lang.declarations import Call

Clause = Callable[[Frame, Call], Steps]

CLAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "fn::concat": ("lists", "concat"),
    "fn::final": ("finals", "final"),
    "fn::fromBase64": ("encodings", "from_base64"),
    "fn::fromJSON": ("encodings", "from_json"),
    "fn::join": ("lists", "join"),
    "fn::open": ("providers", "open_provider"),
    "fn::rotate": ("rotators", "rotate"),
    "fn::secret": ("secrets", "secret"),
    "fn::split": ("lists", "split"),
    "fn::toBase64": ("encodings", "to_base64"),
    "fn::toJSON": ("encodings", "to_json"),
    "fn::toString": ("encodings", "to_string"),
    "fn::toYAML": ("encodings", "to_yaml"),
    "fn::validate": ("validation", "validate"),
}
"""The module and the function of each builtin's clause."""


@cache
def clause_of(builtin: str) -> Clause:
    """What a builtin means. Its module is imported by the first definition that calls it: most call one or two, and
    `esc run` of a static environment would wait for all."""
    module, function = CLAUSES[builtin]
    clause: Clause = getattr(import_module(f"{__name__}.{module}"), function)
    return clause
