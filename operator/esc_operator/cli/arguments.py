"""The `${path}` of a command's arguments, filled in from an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import ConfigurationError
from esc_operator.evaluation.text import to_text
from esc_operator.lang.paths import join_key
from esc_operator.lang.templates import parse_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.access import Accessor


class Arguments(NamedTuple):
    """Filled-in arguments, which may hold secrets, and the paths at which the environment has no value."""

    texts: list[str]
    missing: list[str]


def fill_in(arguments: Sequence[str], environment: Value) -> Arguments:
    """The arguments with every `${path}` replaced by that value's text, and `$$` by `$`. Raises ConfigurationError.

    As upstream has it, a path without a value becomes the empty text.
    """
    filled = Arguments([], [])
    for argument in arguments:
        template = parse_template(argument)
        if template.problems:
            raise ConfigurationError(
                f"argument {argument}: {template.problems[0].summary} (write $$ for a dollar sign)"
            )
        texts = [part.text + _text_at(part.accessors, environment, filled.missing) for part in template.parts]
        filled.texts.append("".join(texts))
    return filled


def _text_at(accessors: Sequence[Accessor] | None, environment: Value, missing: list[str]) -> str:
    if accessors is None:
        return ""
    keys = [accessor.key for accessor in accessors]
    value = environment.lookup(keys)
    if value is None:
        missing.append(_path(keys))
        return ""
    return to_text(value).text


def _path(keys: Sequence[str | int]) -> str:
    path = ""
    for key in keys:
        path = join_key(path, key) if isinstance(key, str) else f"{path}[{key}]"
    return path
