"""Programs that recognise texts: what `regex_syntax` writes and `patterns` runs.

A part of a program is a function that writes its steps at the end of what is there; it goes on behind its own last
step.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

_LARGEST_PROGRAM: Final = 5000

Ranges = tuple[tuple[int, int], ...]


class PatternError(ValueError):
    """The text is no regular expression of RE2."""


class Characters(NamedTuple):
    """A set of characters: ranges of code points and Unicode categories, all of it turned round if `negated`."""

    ranges: Ranges = ()
    categories: tuple[str, ...] = ()
    negated: bool = False
    fold: bool = False

    def holds(self, character: str) -> bool:
        forms = {character, character.lower(), character.upper()} if self.fold else {character}
        return self.negated != any(self._holds(form) for form in forms if len(form) == 1)

    def _holds(self, character: str) -> bool:
        code = ord(character)
        if any(first <= code <= last for first, last in self.ranges):
            return True
        category = unicodedata.category(character) if self.categories else ""
        return any(category.startswith(name.removeprefix("^")) != name.startswith("^") for name in self.categories)


class Step(NamedTuple):
    """An instruction: take a character, hold an assertion (`^`, `$`, ...), or go on at all of `targets`."""

    targets: tuple[int, ...]
    characters: Characters | None = None
    assertion: str = ""

    @property
    def weight(self) -> int:
        """What it costs to see whether a character is taken, for long sets of characters."""
        taken = self.characters
        return len(self.targets) + (0 if taken is None else len(taken.ranges) // 4 + len(taken.categories))


Emit = Callable[[list[Step]], None]
"""Writes a part of a program."""


def _emit(program: list[Step], step: Step) -> None:
    if len(program) >= _LARGEST_PROGRAM:
        raise PatternError("the pattern is too large")
    program.append(step)


def nothing(_: list[Step]) -> None:
    """The part that is no step at all, such as `()`. It is known, so that no repetition goes through it."""


def sequence(parts: list[Emit]) -> Emit:
    steps = [part for part in parts if part is not nothing]

    def emit(program: list[Step]) -> None:
        for part in steps:
            part(program)

    return emit if steps else nothing


def either(options: list[Emit]) -> Emit:
    def emit(program: list[Step]) -> None:
        fork = len(program)
        _emit(program, Step(()))
        starts, ends = [], []
        for option in options:
            starts.append(len(program))
            option(program)
            ends.append(len(program))
            _emit(program, Step(()))
        program[fork] = Step(tuple(starts))
        for end in ends:
            program[end] = Step((len(program),))

    return emit


def repeated(part: Emit, least: int, most: int | None) -> Emit:
    if part is nothing or most == 0:
        return nothing

    def emit(program: list[Step]) -> None:
        for _ in range(least):
            part(program)
        if most is None:
            fork = len(program)
            _emit(program, Step(()))
            part(program)
            _emit(program, Step((fork,)))
            program[fork] = Step((fork + 1, len(program)))
            return
        forks = []
        for _ in range(most - least):
            forks.append(len(program))
            _emit(program, Step(()))
            part(program)
        for fork in forks:
            program[fork] = Step((fork + 1, len(program)))

    return emit


def one(characters: Characters) -> Emit:
    return lambda program: _emit(program, Step((len(program) + 1,), characters))


def assertion(kind: str) -> Emit:
    return lambda program: _emit(program, Step((len(program) + 1,), None, kind))
