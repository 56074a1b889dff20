"""Go's string literals: what upstream's messages and string conversion put around names and parts.

Written here because `repr` and JSON escape other characters, in other words, than `strconv.Quote`.
"""

from typing import Final

from esc_operator.lang.budget import text_units, weight

_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def quote(text: str) -> str:
    """A Go string literal, as `strconv.Quote` writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if text.isprintable():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f'"{"".join(_ESCAPES.get(character) or _quoted(character) for character in text)}"'


def quoting_units(text: str) -> int:
    """What it costs to quote a text: where every character has to be looked at, many times more."""
    return text_units(2 * weight(text)) if text.isprintable() else len(text) // 2


def _quoted(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that is not UTF-8
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
