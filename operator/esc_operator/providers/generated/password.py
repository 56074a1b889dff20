"""`fn::rotate::password`: a random password. Inputs, state and outputs are those of Pulumi ESC."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.evaluation import UNSEEN, InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.generated.texts import GeneratedText, whole_number_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

DEFAULT_LENGTH = 16
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


class _Kind(NamedTuple):
    """A kind of characters: the input that includes it, and the one that says how many there are at least."""

    name: str
    minimum: str
    characters: str


KINDS = (
    _Kind("lower", "minLower", string.ascii_lowercase),
    _Kind("upper", "minUpper", string.ascii_uppercase),
    _Kind("numeric", "minNumeric", string.digits),
    _Kind("special", "minSpecial", SPECIAL),
)

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "length": {
            "type": "number",
            "minimum": 8,
            "maximum": 100,
            "default": DEFAULT_LENGTH,
            "description": "How many characters it has.",
        },
        "lower": {"type": "boolean", "default": True, "description": "Whether it may have lower-case letters."},
        "upper": {"type": "boolean", "default": True, "description": "Whether it may have upper-case letters."},
        "numeric": {"type": "boolean", "default": True, "description": "Whether it may have digits."},
        "special": {"type": "boolean", "default": True, "description": "Whether it may have special characters."},
        **{
            kind.minimum: {
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "default": 0,
                "description": f"How many characters of `{kind.name}` it has at least.",
            }
            for kind in KINDS
        },
        "overrideSpecial": {
            "type": "string",
            "default": SPECIAL,
            "description": "The special characters to choose from.",
        },
    },
}


class Password(GeneratedText):
    """The rotator. Each character is drawn from all kinds that are allowed, after the least number of each kind, and
    all of them are shuffled."""

    name: ClassVar[str] = "password"
    inputs: ClassVar[Mapping[str, Any]] = INPUTS

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        yield from whole_number_problems(inputs, "length", *(kind.minimum for kind in KINDS))
        if UNSEEN in inputs.values():
            return  # what is missing may be what makes the rest possible
        allowed = _allowed(inputs)
        if not any(allowed.values()):
            names = ", ".join(f"`{kind.name}`" for kind in KINDS)
            yield _problem("length", f"there is no character to choose: allow at least one of {names}")
        for kind in KINDS:
            if inputs.get(kind.minimum, 0) > 0 and not allowed[kind]:
                off = "`overrideSpecial` is empty" if inputs.get(kind.name, True) else f"`{kind.name}` is false"
                yield _problem(kind.minimum, f"`{kind.minimum}` requires characters that are not allowed: {off}")
        least, length = sum(_minimum(inputs, kind) for kind in KINDS), int(inputs.get("length", DEFAULT_LENGTH))
        if least > length:
            yield _problem("length", f"`length` {length} is less than all minimums together, {least}: raise it")

    def generate(self, inputs: Mapping[str, Any], random: Random) -> str:
        allowed = _allowed(inputs)
        drawn = [random.choice(allowed[kind]) for kind in KINDS for _ in range(_minimum(inputs, kind))]
        every = "".join(allowed.values())
        drawn += random.choices(every, k=int(inputs.get("length", DEFAULT_LENGTH)) - len(drawn))
        random.shuffle(drawn)
        return "".join(drawn)


ROTATOR = Password()


def _allowed(inputs: Mapping[str, Any]) -> dict[_Kind, str]:
    """The characters to choose from, by kind; each once, so that none is more probable than another."""
    special = inputs.get("overrideSpecial", SPECIAL)
    found: dict[_Kind, str] = {}
    for kind in KINDS:
        characters = special if kind.name == "special" else kind.characters
        before = "".join(found.values())
        new = "".join(dict.fromkeys(one for one in characters if one not in before))
        found[kind] = new if inputs.get(kind.name, True) else ""
    return found


def _minimum(inputs: Mapping[str, Any], kind: _Kind) -> int:
    return int(inputs.get(kind.minimum, 0))


def _problem(name: str, message: str) -> InputProblem:
    return InputProblem((name,), message, reasons.INVALID_INPUTS)
