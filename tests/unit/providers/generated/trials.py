"""The trials of what is generated here; no service takes part."""

from __future__ import annotations

from esc_operator.providers.generated.passphrase import Passphrase
from esc_operator.providers.generated.password import Password
from esc_operator.testing import Failure, Trial

STATE = {"current": "the-current-secret", "previous": "the-previous-secret"}
PURE = "none: it makes no request"


def unusable(name: str, says: str, **inputs: object) -> Failure:
    return Failure(name=name, reason="InvalidInputs", says=[says], inputs=inputs)


TRIALS = [
    Trial(
        plugin=Password,
        inputs={"length": 20, "minSpecial": 2, "overrideSpecial": "!?"},
        state=STATE,
        secrets=list(STATE.values()),
        failures=[
            unusable(
                "no kind of characters",
                "allow at least one of",
                lower=False,
                upper=False,
                numeric=False,
                special=False,
            ),
            unusable("a minimum of what is not allowed", "`upper` is false", upper=False, minUpper=1),
            unusable("more minimums than characters", "`length` 8 is less than", length=8, minLower=5, minUpper=5),
            unusable("no special characters", "`overrideSpecial` is empty", overrideSpecial="", minSpecial=1),
            unusable("half a character", "`length` is not a whole number", length=16.5),
        ],
        counterpart=PURE,
    ),
    Trial(
        plugin=Passphrase,
        inputs={"length": 6, "separator": "%", "capitalize": True},
        state=STATE,
        secrets=list(STATE.values()),
        failures=[unusable("half a word", "`length` is not a whole number", length=4.5)],
        counterpart=PURE,
    ),
]
