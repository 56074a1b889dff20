"""Regular expressions, read: RE2's syntax → a small program for `patterns` to run.

Python's `re` will not do for a pattern that a stranger wrote: it backtracks, and `(a+)+$` on thirty letters holds a
process for hours. What RE2 has no syntax for (look-around, back references) is refused here too.
"""

from __future__ import annotations

from string import hexdigits, octdigits
from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.schema.regex_classes import CATEGORIES, PERL, POSIX
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
_OCTAL_DIGITS: Final = 3
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
        raise PatternError(f"unexpected ): `{text}`")
    program: list[Step] = []
    expression(program)
    return program


class _Parser:
    """One method a production. What is wrong is quoted as RE2 quotes it."""

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
            start = self.offset
            if self._operator() is not None:
                raise self._wrong("missing argument to repetition operator", start)
            atom, flags = self._atom(flags, depth)
            if atom is not None:
                parts.append(self._repeat(atom))
            elif parts:
                parts.append(self._repeat(parts.pop()))  # flags stand between it and its operator
        return sequence(parts), flags

    def _repeat(self, atom: Emit) -> Emit:
        """`repeat := operator`"""
        start = self.offset
        bounds = self._operator()
        if bounds is None:
            return atom
        if self._operator() is not None:
            raise self._wrong("invalid nested repetition operator", start)
        return repeated(atom, *bounds)

    def _operator(self) -> tuple[int, int | None] | None:
        """`operator := ('*' | '+' | '?' | '{' n [ ',' [ m ] ] '}') [ '?' ]`; None where there is none."""
        bounds: tuple[int, int | None] | None = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._peek())
        if bounds is not None:
            self.offset += 1
        else:
            bounds = self._counts()
        if bounds is not None:
            self._take("?")
        return bounds

    def _counts(self) -> tuple[int, int | None] | None:
        """The bounds between braces; None where the brace is a literal."""
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

    def _atom(self, flags: _Flags, depth: int) -> tuple[Emit | None, _Flags]:
        """`atom := '(' group | '[' class | '.' | '^' | '$' | '\\' escape | any other character`

        None for flags that are all of a group.
        """
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

    def _group(self, flags: _Flags, depth: int) -> tuple[Emit | None, _Flags]:
        """`group := [ '?:' | '?P<' name '>' | '?<' name '>' | '?' flags ':' ] alternatives ')' | '?' flags ')'`"""
        start, inner = self.offset - 1, flags
        if self._take("?"):
            behind = len(self._text) - self.offset
            if (behind > len("P<") and self._take("P<")) or (behind > len("<") and self._take("<")):
                self._name(start)
            else:
                inner, is_alone = self._flags(flags, start)
                if is_alone:
                    return None, inner
        part = self.alternatives(inner, depth + 1)
        if not self._take(")"):
            raise PatternError(f"missing closing ): `{self._text}`")
        return part, flags

    def _name(self, start: int) -> None:
        name, is_closed = self._until(">")
        if not (is_closed and name.isascii() and name.replace("_", "a").isalnum()):
            raise self._wrong("invalid named capture", start)

    def _flags(self, flags: _Flags, start: int) -> tuple[_Flags, bool]:
        """`flags := { 'i' | 'm' | 's' | 'U' } [ '-' flag { flag } ] (':' | ')')`; whether they are all of the group."""
        value = True
        while self.offset < len(self._text):
            is_behind_minus = self._text[self.offset - 1] == "-"
            match self._next():
                case "-" if value:
                    value = False
                case "i":
                    flags = flags._replace(fold=value)
                case "m":
                    flags = flags._replace(lines=value)
                case "s":
                    flags = flags._replace(dot_takes_newline=value)
                case "U":
                    pass  # greedy or not makes no difference to whether something matches
                case ":" | ")" as end if not is_behind_minus:
                    return flags, end == ")"
                case _:
                    break
        raise self._wrong("invalid or unsupported Perl syntax", start)

    def _escape(self, flags: _Flags) -> Emit:
        held = {"A": "start", "z": "end", "b": "word boundary", "B": "no word boundary"}.get(self._peek())
        if held is not None:
            self.offset += 1
            return assertion(held)
        if self._take("Q"):
            quoted, _ = self._until("\\E")
            parts = [one(_literal(character)._replace(fold=flags.fold)) for character in quoted]
            # What repeats repeats the last character alone.
            return sequence([*parts[:-1], self._repeat(parts[-1])] if parts else [])
        return one((self._named_set() or self._code_escape())._replace(fold=flags.fold))

    def _named_set(self) -> Characters | None:
        character = self._peek()
        ranges = PERL.get(character.lower())
        if ranges is None and character not in ("p", "P"):
            return None
        self.offset += 1
        if ranges is not None:
            return Characters(ranges, negated=character.isupper())
        return Characters((), (self._category(),), negated=character == "P")

    def _code_escape(self) -> Characters:
        start = self.offset - 1
        if self.offset == len(self._text):
            raise PatternError("trailing backslash at end of expression: ``")
        code = self._code(self._next())
        if code is None:
            raise self._wrong("invalid escape sequence", start)
        return Characters(((code, code),))

    def _code(self, character: str) -> int | None:
        if character in _LITERAL_ESCAPES:
            return ord(_LITERAL_ESCAPES[character])
        if character == "x":
            return self._hexadecimal()
        if character in octdigits:
            return self._octal()
        return None if character.isalnum() or not character.isascii() else ord(character)

    def _octal(self) -> int | None:
        """Up to three digits; one that does not begin with 0 and stands alone would be a back reference."""
        start = self.offset - 1
        while self._peek() in tuple(octdigits) and self.offset - start < _OCTAL_DIGITS:
            self.offset += 1
        digits = self._text[start : self.offset]
        return int(digits, 8) if digits[0] == "0" or len(digits) > 1 else None

    def _hexadecimal(self) -> int | None:
        if self._take("{"):
            return self._hexadecimal_in_braces()
        digits = self._text[self.offset : self.offset + 2]
        self.offset += len(digits)
        return int(digits, 16) if len(digits) == 2 and set(digits) <= set(hexdigits) else None

    def _hexadecimal_in_braces(self) -> int | None:
        """Any number of digits. What is wrong ends with the character that makes it so."""
        code: int | None = None
        while self.offset < len(self._text):
            character = self._next()
            if character == "}":
                return code
            if character not in hexdigits:
                return None
            code = (code or 0) * 16 + int(character, 16)
            if code > _LAST:
                return None
        return None

    def _category(self) -> str:
        start = self.offset - 2
        if self._take("{"):
            name, is_closed = self._until("}")
        else:
            name, is_closed = self._peek(), True
            self.offset += len(name)
        if not is_closed or name.removeprefix("^") not in CATEGORIES:
            raise self._wrong("invalid character class range", start)
        return name

    def _class(self, flags: _Flags) -> Characters:
        """`class := [ '^' ] item { item } ']'`; a `]` that comes first is a literal."""
        start = self.offset - 1
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        categories: list[str] = []
        first = True
        while first or self._peek() != "]":
            first = False
            found = self._class_item(start)
            ranges.extend(found.ranges if not found.negated else _others(found.ranges))
            categories.extend(f"^{name}" if found.negated else name for name in found.categories)
        self.offset += 1
        return Characters(tuple(ranges), tuple(categories), negated, flags.fold)

    def _class_item(self, start: int) -> Characters:
        """`item := '[:' name ':]' | character [ '-' character ] | '\\' escape`"""
        if (posix := self._posix()) is not None:
            return posix
        if self._take("\\"):
            if (named := self._named_set()) is not None:
                return named
            self.offset -= 1
        low_at = self.offset
        low = self._class_character(start)
        if self._peek() != "-" or self._text[self.offset + 1 : self.offset + 2] in ("]", ""):
            return low
        self.offset += 1
        high = self._class_character(start)
        bounds = low.ranges[0][0], high.ranges[0][0]
        if bounds[1] < bounds[0]:
            raise self._wrong("invalid character class range", low_at)
        return Characters((bounds,))

    def _class_character(self, start: int) -> Characters:
        if self.offset == len(self._text):
            raise self._wrong("missing closing ]", start)
        character = self._next()
        return self._code_escape() if character == "\\" else _literal(character)

    def _posix(self) -> Characters | None:
        end = self._text.find(":]", self.offset + 2)
        if not self._text.startswith("[:", self.offset) or end < 0:
            return None
        name = self._text[self.offset + 2 : end]
        ranges = POSIX.get(name.removeprefix("^"))
        if ranges is None:
            raise PatternError(f"invalid character class range: `[:{name}:]`")
        self.offset = end + 2
        return Characters(ranges, negated=name.startswith("^"))

    def _wrong(self, what: str, start: int) -> PatternError:
        """What is wrong, with the text from `start` to here."""
        return PatternError(f"{what}: `{self._text[start : self.offset]}`")

    def _until(self, closing: str) -> tuple[str, bool]:
        """The text up to a closing sign, which is taken too; where there is none, all that is left, and False."""
        text, found, _ = self._text[self.offset :].partition(closing)
        self.offset += len(text) + len(found)
        return text, bool(found)

    def _peek(self) -> str:
        return self._text[self.offset : self.offset + 1]

    def _next(self) -> str:
        """The next character; there has to be one."""
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
