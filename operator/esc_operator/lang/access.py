"""The grammar of property access, inside `${...}` and on its own.

One method a production; the production is its docstring. Offsets count characters of the scalar that holds the access.
The parser never gives up: every problem is noted and reading goes on, as in Pulumi's own recovery.
"""

import re
from functools import cache
from typing import NamedTuple

_SOON = 200
"""Characters within which the commonest accesses end."""


class Accessor(NamedTuple):
    """One step of an access: a property name or key (str) or an array index (int), and where in its scalar it
    stands.
    """

    key: str | int
    begin: int = 0
    end: int = 0


class Problem(NamedTuple):
    """A syntax error between two offsets of a scalar."""

    begin: int
    end: int
    summary: str


class Access(NamedTuple):
    """A parsed access: at least one accessor, and the offset behind the closing brace."""

    accessors: tuple[Accessor, ...]
    end: int
    problems: tuple[Problem, ...]


def read_access(text: str, begin: int) -> Access:
    """Reads the access whose `${` ends at `begin`."""
    return _read_names(text, begin) or _Reader(text, begin, closed_by_brace=True).access()


def _read_names(text: str, begin: int) -> Access | None:
    """The commonest access, names with dots between them, without the patterns of the others: to compile those takes
    longer than to evaluate a small environment."""
    end = text.find("}", begin, begin + _SOON)
    names = text[begin:end].split(".") if end >= 0 else [""]
    if not all(map(str.isidentifier, names)):
        return None
    accessors = [Accessor(names[0], begin, begin + len(names[0]))]
    for name in names[1:]:
        start = accessors[-1].end
        accessors.append(Accessor(name, start, start + 1 + len(name)))
    return Access(tuple(accessors), end + 1, ())


def parse_access(text: str) -> tuple[tuple[str | int, ...] | None, str]:
    """A property path as people write it (`a.b["c"][0]`): its keys, or None with the problem.

    The empty text is the empty path.
    """
    if not text:
        return (), ""
    found = _Reader(text, 0, closed_by_brace=False).access()
    if found.problems:
        return None, found.problems[0].summary
    return tuple(accessor.key for accessor in found.accessors), ""


@cache
def _name() -> re.Pattern[str]:
    return re.compile(r"[^.\[}\s]*")


@cache
def _open_name() -> re.Pattern[str]:
    return re.compile(r"[^.\[\s]*")


class _Reader:
    def __init__(self, text: str, offset: int, *, closed_by_brace: bool) -> None:
        self._text = text
        self._offset = offset
        self._closed_by_brace = closed_by_brace
        self._accessors: list[Accessor] = []
        self._problems: list[Problem] = []

    def access(self) -> Access:
        """`access := { '.' name | name | '[' subscript ']' } '}'`; a first accessor may be any of the three."""
        start = self._offset
        while True:
            start, character = self._offset, self._peek()
            if character == "}" and self._closed_by_brace:
                self._offset += 1
                break
            if character == "" or character.isspace():
                if self._closed_by_brace or character:
                    self._problem(
                        start,
                        "missing closing brace '}' in interpolation"
                        if self._closed_by_brace
                        else "unexpected whitespace",
                    )
                break
            self._accessors.append(self._accessor(start, character))
        if not self._accessors:
            self._accessors.append(Accessor("", start, self._offset))
        return Access(tuple(self._accessors), self._offset, tuple(self._problems))

    def _accessor(self, start: int, character: str) -> Accessor:
        if character == "[":
            self._offset += 1
            return Accessor(self._subscript(start), start, self._offset)
        if character == ".":
            self._offset += 1
        return Accessor(self._name(start), start, self._offset)

    def _name(self, start: int) -> str:
        """`name := any characters but '.', '[', '}' and white space`"""
        begin = self._offset
        found = (_name() if self._closed_by_brace else _open_name()).match(self._text, begin)
        self._offset = found.end() if found is not None else begin
        if self._offset == begin:
            self._problem(start, "property name must not be empty")
        return self._text[begin : self._offset]

    def _subscript(self, start: int) -> str | int:
        """`subscript := '"' key '"' | index`"""
        if not self._peek():
            self._problem(start, "subscript is missing closing bracket ']'")
            return ""
        index = self._key(start) if self._peek() == '"' else self._index(start)
        if self._peek() == "]":
            self._offset += 1
        else:
            self._problem(start, "subscript is missing closing bracket ']'")
        return index

    def _key(self, start: int) -> str:
        """`key := { '\\"' | any character but '"' }`"""
        self._offset += 1
        key = ""
        while (character := self._peek()) != '"':
            if not character:
                self._problem(start + 1, "key subscript is missing closing quote '\"'")
                return key
            if self._text.startswith('\\"', self._offset):
                self._offset += 1
                character = '"'
            self._offset += 1
            key += character
        self._offset += 1
        if not key:
            self._problem(start + 1, "key subscript must not be empty")
        return key

    def _index(self, start: int) -> str | int:
        """`index := [ '+' | '-' ] digit { digit }`; a sign is read here and refused at evaluation."""
        begin = self._offset
        while self._peek() != "]" and not self._at_end_of_name():
            self._offset += 1
        text = self._text[begin : self._offset]
        digits = text[1:] if text[:1] in ("+", "-") else text
        if not (digits.isdecimal() and digits.isascii() and len(digits) < 20 and -(2**63) <= int(text) < 2**63):
            self._problem(start + 1, "numeric subscript must be a positive base-10 integer")
            return text
        if not self._accessors:
            self._problem(start, "the first accessor must be a property name or key subscript, not a numeric subscript")
        return int(text)

    def _peek(self) -> str:
        return self._text[self._offset : self._offset + 1]

    def _at_end_of_name(self) -> bool:
        character = self._peek()
        return character in ("", ".", "[") or character.isspace() or (character == "}" and self._closed_by_brace)

    def _problem(self, begin: int, summary: str) -> None:
        self._problems.append(Problem(begin, self._offset, summary))
