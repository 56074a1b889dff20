"""Matching against a schema's `pattern`, in time that is linear in the text.

The program of `regex_syntax` is run on all its ways at once, and what a set of ways does on a character is remembered,
so that a text costs one look-up a character.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.schema.checks import free
from esc_operator.schema.regex_program import PatternError, Step
from esc_operator.schema.regex_syntax import compile_pattern

if TYPE_CHECKING:
    from esc_operator.schema.checks import Charge

__all__ = ["LONGEST_TEXT", "Pattern", "PatternError"]

LONGEST_TEXT: Final = 1024 * 1024
"""Characters of a text that are looked at; a match that begins or ends beyond does not count."""
_MOST_MEMORIES: Final = 20_000
_KNOWN: Final = 1
"""Quarters of a unit of work for each character that is remembered, and where assertions look at what is beside it."""
_ASSERTED: Final = 8

_States = frozenset[int]
_Context = tuple[bool, bool, bool, bool, bool, bool]
"""At the start, at the end, behind a line break, before one, behind a word character, before one."""


class Pattern:
    """A compiled pattern; it matches anywhere in a text unless it is anchored. Raises `PatternError`."""

    __slots__ = ("_asserts", "_memory", "_program", "_weights", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._program: Final[list[Step]] = compile_pattern(text)
        self._asserts: Final = any(step.assertion for step in self._program)
        self._weights: Final = [2 + step.weight for step in self._program]
        self._memory: dict[tuple[_States, str, _Context | None], _States | None] = {}

    def matches(self, text: str, charge: Charge = free) -> bool:
        """Raises what `charge` raises."""
        charge(min(len(text), LONGEST_TEXT) * (_ASSERTED if self._asserts else _KNOWN) // 4)
        states = frozenset((0,))
        previous, size = "", min(len(text), LONGEST_TEXT)
        for index in range(size + 1):
            character = text[index] if index < size else ""
            context = _context(previous, character) if self._asserts else None
            key = states, character, context
            following = self._memory[key] if key in self._memory else self._advance(key, charge)
            if following is None:
                return True
            states, previous = following, character
        return False

    def _advance(self, key: tuple[_States, str, _Context | None], charge: Charge) -> _States | None:
        """Where the ways of a set are behind a character, the start included; None if one of them has matched
        before it.
        """
        if len(self._memory) > _MOST_MEMORIES:
            self._memory.clear()
        states, character, context = key
        charge(len(states) + len(self._program) // 4)
        reached = self._closure(states, context)
        if len(self._program) in reached:
            found = None
        else:
            charge(sum(map(self._weights.__getitem__, reached)))
            taken = {0}
            for number in reached:
                step = self._program[number]
                if step.characters is not None and character and step.characters.holds(character):
                    taken.update(step.targets)
            found = frozenset(taken)
        self._memory[key] = found
        return found

    def _closure(self, states: _States, context: _Context | None) -> set[int]:
        """All steps that can be reached without taking a character."""
        reached: set[int] = set()
        waiting = list(states)
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            step = self._program[number] if number < len(self._program) else None
            if step is None or step.characters is not None:
                continue
            if not step.assertion or (context is not None and _holds(step.assertion, context)):
                waiting.extend(step.targets)
        return reached


def _context(previous: str, following: str) -> _Context:
    return (
        not previous,
        not following,
        previous == "\n",
        following == "\n",
        _is_word(previous),
        _is_word(following),
    )


def _holds(assertion: str, context: _Context) -> bool:
    start, end, after_break, before_break, after_word, before_word = context
    return {
        "start": start,
        "end": end,
        "line start": start or after_break,
        "line end": end or before_break,
        "word boundary": after_word != before_word,
        "no word boundary": after_word == before_word,
    }[assertion]


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")
