"""What a YAML scalar means, as yaml.v3 (the library behind Pulumi's evaluator) decides it.

Neither PyYAML's resolver (YAML 1.1: `on` is true, `010` is 8) nor the YAML 1.2 core schema fits: yaml.v3 is the 1.2
core schema with 1.1 octals and digit separators, and keeps what it cannot store as a number as text.
"""

import math
import re
from functools import cache
from typing import Final

from esc_operator.lang.numbers import Number, go_float_text

Scalar = None | bool | Number | str

_WORDS: Final[dict[str, tuple[str, Scalar]]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("!!null", None)),
    **dict.fromkeys(("true", "True", "TRUE"), ("!!bool", True)),
    **dict.fromkeys(("false", "False", "FALSE"), ("!!bool", False)),
    **{word: ("!!float", Number("NaN")) for word in (".nan", ".NaN", ".NAN")},
    **{word: ("!!float", Number("+Inf")) for word in (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF")},
    **{word: ("!!float", Number("-Inf")) for word in ("-.inf", "-.Inf", "-.INF")},
}
_FIRST_OF_WORD_OR_NUMBER: Final = frozenset("~nNtTfF.+-0123456789")
_RESOLVABLE_TAGS: Final = frozenset(("!!str", "!!bool", "!!int", "!!float", "!!null", "!!timestamp"))
_STANDARD_TAG: Final = "tag:yaml.org,2002:"
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**64 - 1
_LONGEST_INT: Final = 70
"""Characters of the longest text that can be a 64-bit integer: base 2 with sign and prefix."""


def short_tag(tag: str) -> str:
    return f"!!{tag.removeprefix(_STANDARD_TAG)}" if tag.startswith(_STANDARD_TAG) else tag


def is_word(text: str) -> bool:
    """Whether an untagged plain scalar means itself, by its first character alone."""
    return bool(text) and text[0] not in _FIRST_OF_WORD_OR_NUMBER


def resolve_plain(text: str) -> Scalar:
    """The meaning of an untagged plain scalar."""
    return text if is_word(text) else _resolve(text)[1]


def is_text(text: str) -> bool:
    """Whether an untagged plain scalar is a string, and no date either: whether it needs no quotes for that."""
    found, _ = _resolve(text)
    return found == "!!str" and not _is_timestamp(text)


def resolve_tagged(tag: str, text: str) -> tuple[Scalar, str | None]:
    """The meaning of a scalar under a short tag (`!!int`), or the problem in yaml.v3's words.

    Tags it does not know leave the text as it is.
    """
    if tag == "!!binary":
        return text, _binary_problem(text)
    if tag not in _RESOLVABLE_TAGS or tag == "!!str":
        return text, None
    found, value = _resolve(text)
    if tag == "!!timestamp" and (found == "!!timestamp" or (found == "!!str" and _is_timestamp(text))):
        return text, None
    if found == tag or (tag == "!!float" and found == "!!int"):
        return (_as_float(value) if tag == "!!float" else value), None
    return None, f"yaml: cannot decode {found} `{text}` as a {tag}"


def _resolve(text: str) -> tuple[str, Scalar]:
    known = _WORDS.get(text)
    if known is not None:
        return known
    if not text or text[0] not in "+-.0123456789":
        return "!!str", text
    return _resolve_number(text)


def _resolve_number(text: str) -> tuple[str, Scalar]:
    if text[0] == ".":
        # Here yaml.v3 leaves separators to Go, which wants a digit on either side of each.
        number = _float(text.replace("_", "")) if _separated_fraction().fullmatch(text) else None
    else:
        plain = text.replace("_", "")
        integer = _integer(plain)
        if integer is not None:
            return "!!int", Number(str(integer))
        number = _float(plain)
    return ("!!str", text) if number is None else ("!!float", number)


def _float(text: str) -> Number | None:
    number = float(text) if _float_pattern().fullmatch(text) else math.inf
    return Number(go_float_text(number)) if math.isfinite(number) else None


def _integer(text: str) -> int | None:
    """A 64-bit integer (signed or unsigned) in any notation of Go's `ParseInt` with base 0; None where `text` is
    none.
    """
    if len(text) > _LONGEST_INT:
        return None
    match = _integer_pattern().fullmatch(text)
    if match is None:
        return None
    sign, binary, octal, hexadecimal, old_octal, decimal = match.groups()
    digits, base = next(
        (found, base)
        for found, base in ((binary, 2), (octal, 8), (hexadecimal, 16), (old_octal, 8), (decimal, 10))
        if found is not None
    )
    number = int(digits, base) * (-1 if sign == "-" else 1)
    if sign == "+" and number > 2**63 - 1:
        return None  # ParseUint, which takes the larger half, knows no sign
    return number if _SMALLEST_INT <= number <= _LARGEST_INT else None


@cache
def _integer_pattern() -> re.Pattern[str]:
    return re.compile(r"([-+]?)(?:0[bB]([01]+)|0[oO]([0-7]+)|0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))")


@cache
def _float_pattern() -> re.Pattern[str]:
    return re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@cache
def _separated_fraction() -> re.Pattern[str]:
    return re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")


def _as_float(value: Scalar) -> Scalar:
    if not isinstance(value, Number):
        return value
    number = float(value.text)
    return Number(go_float_text(number)) if math.isfinite(number) else value


def _binary_problem(text: str) -> str | None:
    import binascii

    try:
        binascii.a2b_base64(text.encode(), strict_mode=True)
    except ValueError:
        return "yaml: !!binary value contains invalid base64 data"
    return None


def _is_timestamp(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{2}:\d{2}.*)?", text, re.ASCII) is not None
