"""JSON data as YAML text, as Go's yaml.v3 marshals it: what `fn::toYAML` gives.

Block style, keys in yaml.v3's own order, indented by four spaces, lists below a key too, numbers by their text. Written
here because PyYAML's emitter looks at each character in Python, and folds, quotes and indents otherwise. A text that
begins with a line end keeps it, which yaml.v3 loses, and one that begins with white space within a list can be read
again: yaml.v3 says four spaces there, and indents by two. Pure.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import TYPE_CHECKING, Final

from esc_operator.lang.budget import text_units
from esc_operator.lang.scalars import is_text
from esc_operator.schema import NumberText

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from esc_operator.evaluation.values import Value
    from esc_operator.schema import Json

INDENT: Final = 4
_LONGEST_KEY: Final = 128
"""Bytes of a key that stands on one line with its value."""

_KEY_ENDS: Final = "\n\r\x85\u2028\u2029"
"""A key with one of these does not stand on one line with its value."""
_SPECIAL: Final = re.compile("[^\t\n -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
"""What yaml.v3 takes for unprintable, and what only YAML 1.1 takes for line ends: quoted, every reader finds the same
text. A tab is unprintable, too, but forbids nothing but plain and single quotes."""
_REST: Final = re.compile("[\ud800-\udfff\ufeff\ufffe\uffff\U00010000-\U0010ffff]")
"""What has to be escaped and is not in the table, which is many times faster."""
_ESCAPES: Final = {
    "\0": "0",
    "\a": "a",
    "\b": "b",
    "\t": "t",
    "\n": "n",
    "\v": "v",
    "\f": "f",
    "\r": "r",
    "\x1b": "e",
    '"': '"',
    "\\": "\\",
    "\x85": "N",
    "\u2028": "L",
    "\u2029": "P",
}
_NOT_FIRST: Final = re.compile(r"[#,\[\]{}&*!|>'\"%@`]|[?:-](?: |\Z)|---|\.\.\.")
_NOT_INSIDE: Final = re.compile(r":(?: |\Z)| #")
_OLD_BOOLEANS: Final = frozenset(
    ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF")
)
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def writing_units(value: Value) -> int:
    """What it costs to write a value: each part on a line of its own, indented as deep as it lies, and its key compared
    with those beside it."""
    _, depth, size, parts = value.measure()
    compared = 6 * parts * max(1, parts.bit_length())
    return 3 * value.writing_units + text_units(parts * INDENT * depth) + parts * depth // 4 + compared + size // 64


def to_yaml(data: Json) -> str:
    """The document, with a line end behind it."""
    if isinstance(data, dict | list) and data:
        return "".join(_block(data, 0)).removeprefix("\n") + "\n"
    return f"{_scalar(data, 0, INDENT)}\n"


def _block(data: Json, indent: int) -> Iterator[str]:
    """The lines of a list or an object that is not empty, each after a line end."""
    margin = "\n" + " " * indent
    if isinstance(data, dict):
        for key in _in_order(data):
            yield from _entry(key, data[key], margin, indent)
    elif isinstance(data, list):
        for element in data:
            yield f"{margin}-"
            yield from _behind_a_sign(element, indent, indent + 2)


def _in_order(keys: Collection[str]) -> list[str]:
    if all(key.isalpha() for key in keys):
        return sorted(keys)  # as below, and faster
    return sorted(keys, key=cmp_to_key(_compare))


def _entry(key: str, value: Json, margin: str, indent: int) -> Iterator[str]:
    if len(key.encode("utf-8", "surrogateescape")) <= _LONGEST_KEY and not any(sign in key for sign in _KEY_ENDS):
        yield f"{margin}{_scalar(key, 0, 0, is_key=True)}:"
        yield from _value(value, indent)
        return
    yield f"{margin}? {_scalar(key, indent, _next(indent))}{margin}:"
    yield from _behind_a_sign(value, indent, _next(indent))


def _value(value: Json, indent: int) -> Iterator[str]:
    """What stands behind `key:`."""
    if isinstance(value, dict | list) and value:
        yield from _block(value, _next(indent))
    else:
        yield f" {_scalar(value, indent, _next(indent))}"


def _behind_a_sign(value: Json, margin: int, indent: int) -> Iterator[str]:
    """What stands behind a `-` or `:` at the margin: the first line of a block on the same line."""
    if isinstance(value, dict | list) and value:
        lines = _block(value, indent)
        yield " " * (indent - margin - 1) + next(lines)[1 + indent :]
        yield from lines
    else:
        yield f" {_scalar(value, margin, indent)}"


def _next(indent: int) -> int:
    """The next multiple of the indentation."""
    return INDENT * ((indent + INDENT) // INDENT)


def _scalar(data: Json, margin: int, indent: int, *, is_key: bool = False) -> str:
    """What stands in a block at the margin, with further lines of its own at the indentation."""
    if data is None:
        return "null"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, NumberText):
        return str(data)
    if isinstance(data, str):
        return _text(data, margin, indent, is_key=is_key)
    return "{}" if isinstance(data, dict) else "[]"


def _text(text: str, margin: int, indent: int, *, is_key: bool) -> str:
    is_special = _SPECIAL.sub("", text) != text
    if "\n" in text and not is_key:
        if not is_special and not text.endswith(" ") and " \n" not in text:
            return _literal(text, margin, indent)
        return _double_quoted(text)
    can_be_plain = is_text(text) and text not in _OLD_BOOLEANS and not _BASE_60.fullmatch(text)
    if not can_be_plain or is_special or "\t" in text or "\n" in text:
        return _double_quoted(text)
    if text.strip(" ") != text or _NOT_FIRST.match(text) or _NOT_INSIDE.search(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _literal(text: str, margin: int, indent: int) -> str:
    hint = str(indent - margin) if text[0] in " \n" else ""
    if text[-1] != "\n":
        hint += "-"
    elif text == "\n" or text[-2] == "\n":
        hint += "+"
    space = " " * indent
    lines = (space + line if line else "" for line in text.removesuffix("\n").split("\n"))
    return f"|{hint}\n" + "\n".join(lines)


def _double_quoted(text: str) -> str:
    return '"' + _REST.sub(lambda found: _escape(found[0]), text.translate(_TABLE)) + '"'


def _escape(character: str) -> str:
    if short := _ESCAPES.get(character):
        return f"\\{short}"
    code = ord(character)
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


_TABLE: Final = {ord(one): _escape(one) for one in (*map(chr, (*range(0x20), *range(0x7F, 0xA0))), *_ESCAPES)}


def _compare(one: str, other: str) -> int:
    """yaml.v3's order of keys: letters behind other signs, and numbers by their size."""
    place = _first_difference(one, other)
    if place == min(len(one), len(other)):
        return len(one) - len(other)
    has_digits = place > 0 and one[place - 1].isdecimal()
    return -1 if _is_less(one, other, place, has_digits=has_digits) else 1


def _first_difference(one: str, other: str) -> int:
    """By halves: keys may have thousands of characters in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _is_less(one: str, other: str, place: int, *, has_digits: bool) -> bool:
    left, right = one[place], other[place]
    if left.isalpha() and right.isalpha():
        return left < right
    if left.isalpha() or right.isalpha():
        return left.isalpha() if has_digits else right.isalpha()
    lead = 0
    if "0" in {left, right}:
        before = re.search(r"[0-9]*\Z", one[:place])
        lead = 1 if before is not None and before[0].strip("0") else 0
    (first, first_end), (second, second_end) = _digits(one, place, lead), _digits(other, place, lead)
    if first != second:
        return first < second
    if first_end != second_end:
        return first_end < second_end
    return left < right


def _digits(text: str, place: int, lead: int) -> tuple[int, int]:
    end = place
    while end < len(text) and text[end].isdecimal():
        lead = (lead * 10 + ord(text[end]) - ord("0")) & 0xFFFFFFFFFFFFFFFF
        end += 1
    return lead, end
