"""Numbers as the language keeps them: by their text.

A number is read once and travels as text, so `1.50` from a JSON string stays `1.50`, and no digit of a long one is
lost. The text of a YAML or Kubernetes number is normalised the way Go prints it: integers in base 10, everything else
in the shortest form of `%g`. Written here because Python's `repr` and `%g` choose other places for the exponent, and
neither a float nor a `Decimal` keeps a text.
"""

import math
from typing import Final

_LONGEST_INT: Final = 600
"""Digits that `int()` always takes: Python's own limit on integer texts can be set as low as 640."""


class Number:
    """A number, known by its text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash((Number, self.text))

    def __repr__(self) -> str:
        return f"Number({self.text!r})"

    def to_python(self) -> "int | TextFloat":
        """An int where the text is one of bearable length, else a float that remembers the text."""
        if len(self.text) <= _LONGEST_INT and self.text.lstrip("-").isdigit():
            return int(self.text)
        return TextFloat(self.text)


class TextFloat(float):
    """A float that remembers the text it was read from, so that a number handed through a provider comes back as
    it was.
    """

    text: str

    def __new__(cls, text: str) -> "TextFloat":
        number = super().__new__(cls, text)
        number.text = text
        return number


def number_of(value: float) -> Number | None:
    """The number that a Python int or float stands for; None where JSON has no text for it (infinities, NaN,
    absurdly long integers).
    """
    if isinstance(value, TextFloat):
        return Number(value.text)
    if isinstance(value, int):
        return Number(str(value)) if value.bit_length() < _LONGEST_INT * 3 else None
    return Number(go_float_text(value)) if math.isfinite(value) else None


def go_float_text(value: float) -> str:
    """A finite float as Go's `strconv.FormatFloat(value, 'g', -1, 64)` writes it: an exponent from 1e+06 up and
    below 1e-04.
    """
    sign, digits, exponent = _shortest_digits(value)
    if exponent < -4 or exponent >= 6:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1], digits[exponent + 1 :]
    whole = whole.ljust(exponent + 1, "0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _shortest_digits(value: float) -> tuple[str, str, int]:
    """Sign, significant digits and decimal exponent of the shortest text that reads back as `value`."""
    text = repr(value)
    sign = "-" if text.startswith("-") else ""
    mantissa, _, power = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    exponent = len(whole) - 1 + int(power or 0)
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    return (sign, stripped, exponent) if stripped else (sign, "0", 0)
