"""What each builtin means: one clause a builtin, registered here under its name.

The form of a call (which operands it has) is read in `lang.builtins`. A clause is a generator: it yields the operands
it needs, is sent their values, and returns the call's value, which is pending while an operand or an effect is.
"""

from collections.abc import Callable, Mapping
from typing import Final

from esc_operator.evaluation.builtins.encodings import from_base64, from_json, to_base64, to_json, to_string, to_yaml
from esc_operator.evaluation.builtins.finals import final
from esc_operator.evaluation.builtins.lists import concat, join, split
from esc_operator.evaluation.builtins.providers import open_provider
from esc_operator.evaluation.builtins.rotators import rotate
from esc_operator.evaluation.builtins.secrets import secret
from esc_operator.evaluation.builtins.validation import validate
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.lang.declarations import Call

CLAUSES: Final[Mapping[str, Callable[[Frame, Call], Steps]]] = {
    "fn::concat": concat,
    "fn::final": final,
    "fn::fromBase64": from_base64,
    "fn::fromJSON": from_json,
    "fn::join": join,
    "fn::open": open_provider,
    "fn::rotate": rotate,
    "fn::secret": secret,
    "fn::split": split,
    "fn::toBase64": to_base64,
    "fn::toJSON": to_json,
    "fn::toString": to_string,
    "fn::toYAML": to_yaml,
    "fn::validate": validate,
}
