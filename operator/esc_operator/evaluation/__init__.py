"""The evaluator: declarations → values, with effects left to a driver.

Owns what expressions mean: references, imports, merging, builtins, secrecy. Does no I/O, reads no clock and draws no
random number; it returns its requests to the outside as effects. Invariant: whatever the definition and the answers,
`step` returns and does not raise.
"""

from esc_operator.evaluation.answers import (
    UNKNOWN_LOGIN,
    UNSEEN,
    Answer,
    Decrypted,
    Described,
    InputProblem,
    Lease,
    Loaded,
    Login,
    Opened,
    ReadVersion,
    Rotated,
    Secret,
)
from esc_operator.evaluation.effects import (
    Decrypt,
    Effect,
    FindProvider,
    FindRotator,
    LoadEnvironment,
    OpenEnvironment,
    OpenProvider,
    OpenRotator,
    RotateState,
)
from esc_operator.evaluation.evaluator import Evaluator
from esc_operator.evaluation.rendering import to_json
from esc_operator.evaluation.results import Batch, Evaluation, Mode, OpenRecord, Patch, Rotation, RotationStatus
from esc_operator.evaluation.text import Text, to_text
from esc_operator.evaluation.trace import Definition, definitions_of
from esc_operator.evaluation.values import Value
from esc_operator.lang.diagnostics import Failed

__all__ = [
    "UNKNOWN_LOGIN",
    "UNSEEN",
    "Answer",
    "Batch",
    "Decrypt",
    "Decrypted",
    "Definition",
    "Described",
    "Effect",
    "Evaluation",
    "Evaluator",
    "Failed",
    "FindProvider",
    "FindRotator",
    "InputProblem",
    "Lease",
    "LoadEnvironment",
    "Loaded",
    "Login",
    "Mode",
    "OpenEnvironment",
    "OpenProvider",
    "OpenRecord",
    "OpenRotator",
    "Opened",
    "Patch",
    "ReadVersion",
    "RotateState",
    "Rotated",
    "Rotation",
    "RotationStatus",
    "Secret",
    "Text",
    "Value",
    "definitions_of",
    "to_json",
    "to_text",
]
