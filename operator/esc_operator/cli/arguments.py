"""The `${path}` of a command's arguments, filled in from an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import ConfigurationError
from esc_operator.evaluation.text import Text, to_text
from esc_operator.lang.templates import parse_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.access import Accessor


_EMPTY = Text("", is_unknown=False, is_secret=False)

# A shorter secret counts only as a whole argument: longer arguments contain it by chance.
_MIN_WITHIN = 8


class Arguments(NamedTuple):
    """Filled-in arguments, the positions of those that now hold a secret (the first is 1), and the paths at which the
    environment has no value."""

    texts: list[str]
    secret: list[int]
    missing: list[tuple[str | int, ...]]


def fill_in(arguments: Sequence[str], environment: Value) -> Arguments:
    """Replace every `${path}` by that value's text, and `$$` by `$`. Raises ConfigurationError.

    As upstream, a path without a value becomes the empty text.
    """
    filled = Arguments([], [], [])
    for position, argument in enumerate(arguments, 1):
        template = parse_template(argument)
        if template.problems:
            raise ConfigurationError(
                f"argument {argument}: {template.problems[0].summary} (write $$ for a dollar sign)"
            )
        texts = [_text_at(part.accessors, environment, filled.missing) for part in template.parts]
        filled.texts.append("".join(part.text + each.text for part, each in zip(template.parts, texts, strict=True)))
        if any(each.is_secret for each in texts):
            filled.secret.append(position)
    return filled


def _text_at(accessors: Sequence[Accessor] | None, environment: Value, missing: list[tuple[str | int, ...]]) -> Text:
    if accessors is None:
        return _EMPTY
    keys = [accessor.key for accessor in accessors]
    value = environment.lookup(keys)
    if value is None:
        missing.append(tuple(keys))
        return _EMPTY
    return to_text(value)


def holding(arguments: Sequence[str], secrets: Iterable[str]) -> list[int]:
    """The positions of the arguments that contain a secret unchanged; the first is 1."""
    known = {secret.strip() for secret in secrets}
    known.discard("")
    return [
        position
        for position, argument in enumerate(arguments, 1)
        if argument.strip() in known or any(len(secret) >= _MIN_WITHIN and secret in argument for secret in known)
    ]
