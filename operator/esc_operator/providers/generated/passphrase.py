"""`fn::rotate::passphrase`: words that a person can remember. Inputs, state and outputs are those of Pulumi ESC.

A word is one of 2,048 (BIP-39's English list), so it is worth 11 bits: five words are worth 55, six 66.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.providers.generated.texts import GeneratedText, whole_number_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from esc_operator.evaluation import InputProblem

DEFAULT_LENGTH = 5
DEFAULT_SEPARATOR = "-"

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "length": {
            "type": "number",
            "minimum": 3,
            "maximum": 15,
            "default": DEFAULT_LENGTH,
            "description": "How many words it has; each is worth 11 bits.",
        },
        "separator": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1,
            "default": DEFAULT_SEPARATOR,
            "description": "The character between two words.",
        },
        "capitalize": {"type": "boolean", "default": False, "description": "Whether each word begins with a capital."},
    },
}


class Passphrase(GeneratedText):
    """The rotator."""

    name: ClassVar[str] = "passphrase"
    inputs: ClassVar[Mapping[str, Any]] = INPUTS

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        return whole_number_problems(inputs, "length")

    def generate(self, inputs: Mapping[str, Any], random: Random) -> str:
        words = random.choices(_words(), k=int(inputs.get("length", DEFAULT_LENGTH)))
        if inputs.get("capitalize"):
            words = [word.capitalize() for word in words]
        separator: str = inputs.get("separator", DEFAULT_SEPARATOR)
        return separator.join(words)


ROTATOR = Passphrase()


@lru_cache(maxsize=1)
def _words() -> Sequence[str]:
    from mnemonic import Mnemonic  # only for a rotation

    return tuple(Mnemonic("english").wordlist)
