"""Regular expressions, read: RE2's syntax → a small program for `patterns` to run.

Python's `re` will not do for a pattern that a stranger wrote: it backtracks, and `(a+)+$` on thirty letters holds a
process for hours. What RE2 has no syntax for (look-around, back references) is refused here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.schema.regex_classes import PERL, POSIX
from esc_operator.schema.regex_program import (
    Characters,
    PatternError,
    Step,
    assertion,
    either,
    one,
    repeated,
    sequence,
)

if TYPE_CHECKING:
    from esc_operator.schema.regex_program import Emit, Ranges

_MOST_REPEATS: Final = 1000
_DEEPEST: Final = 50
_LAST: Final = 0x10FFFF
_LITERAL_ESCAPES: Final = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}


class _Flags(NamedTuple):
    fold: bool = False
    lines: bool = False
    dot_takes_newline: bool = False


def compile_pattern(text: str) -> list[Step]:
    """The program: it starts at step 0 and has matched when it goes on at the step behind the last.

    Raises `PatternError`.
    """
    parser = _Parser(text)
    expression = parser.alternatives(_Flags(), 0)
    if parser.offset < len(text):
        raise PatternError(f"unexpected {text[parser.offset]!r}")
    program: list[Step] = []
    expression(program)
    return program


class _Parser:
    """One method a production."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.offset = 0

    def alternatives(self, flags: _Flags, depth: int) -> Emit:
        """`alternatives := sequence { '|' sequence }`"""
        if depth > _DEEPEST:
            raise PatternError("the pattern is nested too deeply")
        options = []
        while True:
            part, flags = self._sequence(flags, depth)
            options.append(part)
            if not self._take("|"):
                return options[0] if len(options) == 1 else either(options)

    def _sequence(self, flags: _Flags, depth: int) -> tuple[Emit, _Flags]:
        """`sequence := { atom [ repeat ] | '(?' flags ')' }`"""
        parts: list[Emit] = []
        while self._peek() not in ("", "|", ")"):
            if self._peek() in ("*", "+", "?"):
                raise PatternError(f"missing argument to repetition operator: `{self._peek()}`")
            atom, flags = self._atom(flags, depth)
            parts.append(self._repeat(atom))
        return sequence(parts), flags

    def _repeat(self, atom: Emit) -> Emit:
        """`repeat := ('*' | '+' | '?' | '{' n [ ',' [ m ] ] '}') [ '?' ]`"""
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._peek()) or self._counts()
        if bounds is None:
            return atom
        if self._peek() in ("*", "+", "?"):
            self.offset += 1
        self._take("?")
        if self._peek() in ("*", "+", "?"):
            raise PatternError(f"invalid nested repetition operator: `{self._peek()}`")
        return repeated(atom, *bounds)

    def _counts(self) -> tuple[int, int | None] | None:
        """The bounds between braces, which stay ahead of the reader as one `?` would; None where the brace is a
        literal.
        """
        end = self._text.find("}", self.offset)
        if self._peek() != "{" or end < 0:
            return None
        low, comma, high = self._text[self.offset + 1 : end].partition(",")
        if not _is_count(low) or (high and not _is_count(high)):
            return None
        least = int(low)
        most = int(high) if high else None if comma else least
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise PatternError(f"invalid repeat count: `{self._text[self.offset : end + 1]}`")
        self.offset = end + 1
        return least, most

    def _atom(self, flags: _Flags, depth: int) -> tuple[Emit, _Flags]:
        """`atom := '(' group | '[' class | '.' | '^' | '$' | '\\' escape | any other character`"""
        character = self._next()
        if character == "(":
            return self._group(flags, depth)
        if character == "[":
            return one(self._class(flags)), flags
        if character == "\\":
            return self._escape(flags), flags
        if character in ("^", "$"):
            place = "start" if character == "^" else "end"
            return assertion(f"line {place}" if flags.lines else place), flags
        if character == ".":
            excluded = () if flags.dot_takes_newline else ((10, 10),)
            return one(Characters(excluded, negated=True)), flags
        return one(_literal(character)._replace(fold=flags.fold)), flags

    def _group(self, flags: _Flags, depth: int) -> tuple[Emit, _Flags]:
        """`group := [ '?:' | '?P<' name '>' | '?<' name '>' | '?' flags ':' ] alternatives ')' | '?' flags ')'`"""
        inner = flags
        if self._take("?"):
            if self._take("P<") or (self._take("<") and self._peek() not in ("=", "!")):
                self._name()
            else:
                inner = self._flags(flags)
                if self._take(")"):
                    return sequence([]), inner
                if not self._take(":"):
                    raise PatternError("invalid or unsupported Perl syntax in a group")
        part = self.alternatives(inner, depth + 1)
        if not self._take(")"):
            raise PatternError("missing closing )")
        return part, flags

    def _name(self) -> None:
        end = self._text.find(">", self.offset)
        if end < 0 or not self._text[self.offset : end].isidentifier():
            raise PatternError("invalid named capture")
        self.offset = end + 1

    def _flags(self, flags: _Flags) -> _Flags:
        value = True
        while self._peek() in ("i", "m", "s", "U", "-"):
            match self._next():
                case "-":
                    value = False
                case "i":
                    flags = flags._replace(fold=value)
                case "m":
                    flags = flags._replace(lines=value)
                case "s":
                    flags = flags._replace(dot_takes_newline=value)
                case _:
                    pass  # greedy or not makes no difference to whether something matches
        return flags

    def _escape(self, flags: _Flags) -> Emit:
        held = {"A": "start", "z": "end", "b": "word boundary", "B": "no word boundary"}.get(self._peek())
        if held is not None:
            self.offset += 1
            return assertion(held)
        if self._take("Q"):
            end = self._text.find("\\E", self.offset)
            quoted = self._text[self.offset : end if end >= 0 else len(self._text)]
            self.offset = end + 2 if end >= 0 else len(self._text)
            return sequence([one(_literal(character)._replace(fold=flags.fold)) for character in quoted])
        return one(self._set_escape()._replace(fold=flags.fold))

    def _set_escape(self) -> Characters:
        """What stands behind a backslash, inside a class or outside."""
        character = self._next()
        ranges = PERL.get(character.lower())
        if ranges is not None:
            return Characters(ranges, negated=character.isupper())
        if character in ("p", "P"):
            return Characters((), (self._category(),), negated=character == "P")
        code = self._code(character)
        return Characters(((code, code),))

    def _code(self, character: str) -> int:
        if character in _LITERAL_ESCAPES:
            return ord(_LITERAL_ESCAPES[character])
        if character == "x":
            return self._hexadecimal()
        if character.isalnum() and character.isascii():
            raise PatternError(f"invalid escape sequence: `\\{character}`")
        return ord(character)

    def _hexadecimal(self) -> int:
        digits = self._text[self.offset : self.offset + 2]
        if self._take("{"):
            end = self._text.find("}", self.offset)
            digits = self._text[self.offset : max(end, self.offset)]
            self.offset += 1
        self.offset += len(digits)
        if not 0 < len(digits) <= 6 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise PatternError("invalid escape sequence: `\\x`")
        return min(int(digits, 16), _LAST)

    def _category(self) -> str:
        if not self._take("{"):
            return self._next()
        end = self._text.find("}", self.offset)
        name = self._text[self.offset : max(end, self.offset)]
        self.offset += len(name) + 1
        if end < 0 or not 0 < len(name.removeprefix("^")) <= 2:
            raise PatternError(f"invalid character class range: `\\p{{{name}}}`")
        return name

    def _class(self, flags: _Flags) -> Characters:
        """`class := [ '^' ] item { item } ']'`; a `]` that comes first is a literal."""
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        categories: list[str] = []
        first = True
        while first or self._peek() != "]":
            first = False
            found = self._class_item()
            ranges.extend(found.ranges if not found.negated else _others(found.ranges))
            categories.extend(f"^{name}" if found.negated else name for name in found.categories)
        self.offset += 1
        return Characters(tuple(ranges), tuple(categories), negated, flags.fold)

    def _class_item(self) -> Characters:
        """`item := '[:' name ':]' | character [ '-' character ] | '\\' escape`"""
        if self._take("[:"):
            return self._posix()
        found = self._class_character()
        if not found.categories and len(found.ranges) == 1 and self._peek() == "-":
            low = found.ranges[0][0]
            if self._text[self.offset + 1 : self.offset + 2] not in ("]", "") and found.ranges[0][1] == low:
                self.offset += 1
                high = self._class_character().ranges
                if not high or high[0][0] < low:
                    raise PatternError("invalid character class range")
                return Characters(((low, high[0][1]),))
        return found

    def _class_character(self) -> Characters:
        character = self._next()
        if character == "\\":
            return self._set_escape()
        return _literal(character)

    def _posix(self) -> Characters:
        end = self._text.find(":]", self.offset)
        name = self._text[self.offset : max(end, self.offset)]
        ranges = POSIX.get(name.removeprefix("^"))
        if ranges is None:
            raise PatternError(f"invalid character class range: `[:{name}:]`")
        self.offset = end + 2
        return Characters(ranges, negated=name.startswith("^"))

    def _peek(self) -> str:
        return self._text[self.offset : self.offset + 1]

    def _next(self) -> str:
        if self.offset >= len(self._text):
            raise PatternError("unexpected end of the pattern")
        self.offset += 1
        return self._text[self.offset - 1]

    def _take(self, expected: str) -> bool:
        taken = self._text.startswith(expected, self.offset)
        self.offset += len(expected) if taken else 0
        return taken


def _literal(character: str) -> Characters:
    return Characters(((ord(character), ord(character)),))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _others(ranges: Ranges) -> Ranges:
    """Every code point that is in none of the sorted `ranges`."""
    found, start = [], 0
    for first, last in sorted(ranges):
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)
