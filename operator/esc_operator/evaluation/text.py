"""The string conversion of the language: what an interpolation, `fn::toString` and an environment variable make of a value."""

from typing import Final, NamedTuple

from esc_operator.evaluation.rendering import UNKNOWN_TEXT
from esc_operator.evaluation.values import Value
from esc_operator.lang.numbers import Number

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


class Text(NamedTuple):
    """A converted value. Where `is_unknown` the text is `[unknown]`; `is_secret` says that a secret went into it."""

    text: str
    is_unknown: bool
    is_secret: bool

    def __repr__(self) -> str:
        return f"Text(is_unknown={self.is_unknown}, is_secret={self.is_secret})"


def to_text(value: Value) -> Text:
    """null is empty; an array is its elements, an object its `"key"="value"` pairs sorted by key, each part quoted, joined by commas."""
    if value.contains_unknowns:
        return Text(UNKNOWN_TEXT, True, value.contains_secrets)
    return Text(_convert(value), False, value.contains_secrets)


def _convert(value: Value) -> str:
    # Upstream leaves out the properties that an object inherits from its bases.
    content = value._content
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, Number):
        return content.text
    if isinstance(content, str):
        return content
    if isinstance(content, tuple):
        return ",".join(quote(_convert(element)) for element in content)
    return ",".join(f"{quote(key)}={quote(_convert(content[key]))}" for key in sorted(content))


def quote(text: str) -> str:
    """A Go string literal, as `strconv.Quote` writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(_ESCAPES.get(character) or _quoted(character) for character in text)}"'


def _quoted(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
