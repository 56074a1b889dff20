"""Parts of sentences that several messages have: the first of many names, a count with its noun, a name on one line."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def first_of(things: Sequence[T], most: int, name: Callable[[T], str] = str) -> str:
    """The names of the first, at most so many, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(name, things[:most])) + more


def counted(count: int, noun: str) -> str:
    """`1 environment`, `2 environments`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def printable(name: str) -> str:
    """A name that somebody else chose, on one line: `?` stands for what cannot be printed."""
    return "".join(character if character.isprintable() else "?" for character in name)
