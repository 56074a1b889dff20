"""JSON text → plain data, as Go's decoder reads it.

Python's own decoder will not do: it recurses, takes NaN, and loses the text of numbers. This one keeps a stack, keeps
number texts, reads the first value and ignores what follows it, and words its errors as Go does.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from esc_operator.lang.budget import text_units, weight
from esc_operator.lang.numbers import Number
from esc_operator.lang.quoting import quote

_SPACES: Final = frozenset(" \t\n\r")
_VALUE: Final = 8
"""Units of work to read one value and to make it one of the language."""
_WORDS: Final = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_ESCAPED: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_START_OF_VALUE: Final = "looking for beginning of value"


class JsonError(ValueError):
    """The text is not JSON. The message quotes one character of it."""


def read_json(text: str, *, deepest: int) -> Any:
    """The first value in `text`; numbers as `Number`, of equal keys the last. Raises `JsonError`."""
    return _Reader(text, deepest).read()


def reading_units(text: str) -> int:
    """What it costs at most to read the text and to make a value of it. Commas and brackets limit how many values there
    can be, whether or not some of them stand in strings.
    """
    values = 1 + text.count(",") + text.count("[") + text.count("{") + text.count(":")
    return _VALUE * values + 2 * text.count("\\") + text_units(2 * weight(text))


class _Reader:
    def __init__(self, text: str, deepest: int) -> None:
        self._text = text
        self._offset = 0
        self._deepest = deepest
        self._open: list[list[Any] | dict[str, Any]] = []
        self._keys: list[str] = []

    def read(self) -> Any:
        self._skip_space()
        if self._offset == len(self._text):
            raise JsonError("EOF")
        while True:
            value = self._value()
            if isinstance(value, list | dict) and value is (self._open[-1] if self._open else None):
                continue  # a collection has begun, and its first element is next
            while True:
                if not self._open:
                    return value
                finished = self._place(value)
                if finished is None:
                    break
                value = finished

    def _value(self) -> Any:
        """A scalar or an empty collection, or a collection left open on the stack."""
        character = self._next(_START_OF_VALUE)
        if character == "[":
            return self._begin([], "]", lambda: None)
        if character == "{":
            return self._begin({}, "}", self._key)
        if character == '"':
            return self._string()
        if character == "-" or character in "0123456789":
            return self._number()
        if character in _WORDS:
            return self._word(*_WORDS[character])
        raise self._unexpected(_START_OF_VALUE)

    def _begin(self, collection: list[Any] | dict[str, Any], closing: str, prepare: Callable[[], None]) -> Any:
        self._offset += 1
        if self._next(_START_OF_VALUE if closing == "]" else "looking for beginning of object key string") == closing:
            self._offset += 1
            return collection
        if len(self._open) >= self._deepest:
            raise JsonError("exceeded max depth")
        self._open.append(collection)
        prepare()
        return collection

    def _place(self, value: Any) -> Any:
        """Puts a finished value into the innermost collection; returns that collection if this closes it."""
        collection = self._open[-1]
        if isinstance(collection, list):
            collection.append(value)
            closing, where = "]", "after array element"
        else:
            collection[self._keys.pop()] = value
            closing, where = "}", "after object key:value pair"
        character = self._next(where)
        if character == closing:
            self._offset += 1
            return self._open.pop()
        if character != ",":
            raise self._unexpected(where)
        self._offset += 1
        if closing == "}":
            self._key()
        return None

    def _key(self) -> None:
        if self._next("looking for beginning of object key string") != '"':
            raise self._unexpected("looking for beginning of object key string")
        self._keys.append(self._string())
        if self._next("after object key") != ":":
            raise self._unexpected("after object key")
        self._offset += 1

    def _string(self) -> str:
        self._offset += 1
        pieces: list[str] = []
        while True:
            end = self._end_of_run()
            pieces.append(self._text[self._offset : end])
            self._offset = end
            character = self._peek()
            if character == '"':
                self._offset += 1
                return "".join(pieces)
            if character != "\\":
                raise self._unexpected("in string literal")
            self._offset += 1
            pieces.append(self._escape())

    def _end_of_run(self) -> int:
        """Where the characters end that stand for themselves in a string."""
        found = _end_of_plain().search(self._text, self._offset)
        return len(self._text) if found is None else found.start()

    def _escape(self) -> str:
        character = self._peek()
        if character in _ESCAPED and character:
            self._offset += 1
            return _ESCAPED[character]
        if character != "u":
            raise self._unexpected("in string escape code")
        code = self._hexadecimal()
        if 0xD800 <= code < 0xDC00 and self._text.startswith("\\u", self._offset):
            mark = self._offset
            self._offset += 1
            low = self._hexadecimal()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
            self._offset = mark
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

    def _hexadecimal(self) -> int:
        """The four digits of an escape whose `u` is next."""
        self._offset += 1
        start = self._offset
        for _ in range(4):
            if self._peek() not in "0123456789abcdefABCDEF" or not self._peek():
                raise self._unexpected("in \\u hexadecimal character escape")
            self._offset += 1
        return int(self._text[start : self._offset], 16)

    def _number(self) -> Number:
        start = self._offset
        if self._peek() == "-":
            self._offset += 1
        if self._peek() == "0":
            self._offset += 1
        else:
            self._digits("in numeric literal")
        if self._peek() == ".":
            self._offset += 1
            self._digits("after decimal point in numeric literal")
        if self._peek() in ("e", "E"):
            self._offset += 1
            if self._peek() in ("+", "-"):
                self._offset += 1
            self._digits("in exponent of numeric literal")
        return Number(self._text[start : self._offset])

    def _digits(self, where: str) -> None:
        run = _digit_run().match(self._text, self._offset)
        if run is None:
            raise self._unexpected(where)
        self._offset = run.end()

    def _word(self, word: str, value: bool | None) -> bool | None:
        for expected in word:
            if self._peek() != expected:
                raise self._unexpected(f"in literal {word} (expecting '{expected}')")
            self._offset += 1
        return value

    def _next(self, where: str) -> str:
        """The next character that is no white space; `where` says what it should be."""
        self._skip_space()
        if self._offset == len(self._text):
            raise self._unexpected(where)
        return self._text[self._offset]

    def _peek(self) -> str:
        return self._text[self._offset : self._offset + 1]

    def _skip_space(self) -> None:
        if self._text[self._offset : self._offset + 1] in _SPACES:
            found = _space().match(self._text, self._offset)
            self._offset = self._offset if found is None else found.end()

    def _unexpected(self, where: str) -> JsonError:
        character = self._peek()
        if not character:
            return JsonError("unexpected EOF")
        # Go looks at bytes: of a character beyond ASCII it shows the first byte, as if that were a character.
        shown = chr(character.encode("utf-8", "surrogateescape")[0])
        quoted = "\\'" if shown == "'" else '"' if shown == '"' else quote(shown)[1:-1]
        return JsonError(f"invalid character '{quoted}' {where}")


@cache
def _end_of_plain() -> re.Pattern[str]:
    return re.compile(r'["\\\x00-\x1f]')


@cache
def _space() -> re.Pattern[str]:
    return re.compile(r"[ \t\n\r]*")


@cache
def _digit_run() -> re.Pattern[str]:
    return re.compile(r"[0-9]+")
