"""Splits the words after `esc run` into its options, the reference, and the command with its own options."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERACTIVE = ("-i", "--interactive")

WITH_VALUE = frozenset({"-n", "--namespace", "--context"})
"""Options whose value is the next word. click is not loaded here; a test compares these with its options."""


class RunArguments(NamedTuple):
    """`reference` is None, or `command` empty, if it is missing."""

    options: tuple[str, ...]
    reference: str | None
    command: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the call needs neither help nor an error message."""
        return self.reference is not None and bool(self.command) and set(self.options) <= set(INTERACTIVE)

    @property
    def interactive(self) -> bool:
        return bool(self.options)


def split(words: Sequence[str]) -> RunArguments:
    """`[options] REFERENCE [options] [--] COMMAND [ARGUMENT]...`; no command's name begins with a dash."""
    options: list[str] = []
    reference: str | None = None
    is_value = False
    for position, word in enumerate(words):
        if is_value:
            options.append(word)
            is_value = False
        elif word == "--":
            rest = tuple(words[position + 1 :])
            return RunArguments(
                tuple(options), reference or (rest[0] if rest else None), rest if reference else rest[1:]
            )
        elif word.startswith("-"):
            options.append(word)
            is_value = word in WITH_VALUE
        elif reference is None:
            reference = word
        else:
            return RunArguments(tuple(options), reference, tuple(words[position:]))
    return RunArguments(tuple(options), reference, ())
