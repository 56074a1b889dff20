"""Strings with interpolations: `text ${a.b} text`, `$$` for a dollar sign.

Definitions use it for every string; the CLI uses it for the arguments of a command.
"""

from typing import NamedTuple

from esc_operator.lang.access import Accessor, Problem, read_access


class Part(NamedTuple):
    """A run of literal text and the access that follows it, if any."""

    text: str
    accessors: tuple[Accessor, ...] | None


class Template(NamedTuple):
    parts: tuple[Part, ...]
    problems: tuple[Problem, ...]


def parse_template(text: str) -> Template:
    """The parts of `text`. A lone `$` is literal; problems do not stop the reading."""
    if "$" not in text:
        return Template((Part(text, None),) if text else (), ())
    parts: list[Part] = []
    problems: list[Problem] = []
    literal: list[str] = []
    offset = 0
    while (dollar := text.find("$", offset)) >= 0:
        literal.append(text[offset:dollar])
        follower = text[dollar + 1 : dollar + 2]
        if follower == "{":
            access = read_access(text, dollar + 2)
            parts.append(Part("".join(literal), access.accessors))
            problems.extend(access.problems)
            literal.clear()
            offset = access.end
        else:
            literal.append("$")
            offset = dollar + (2 if follower == "$" else 1)
    rest = "".join(literal) + text[offset:]
    if rest:
        parts.append(Part(rest, None))
    return Template(tuple(parts), tuple(problems))
