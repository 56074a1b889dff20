"""Messages for wrong usage: the command, option or choice that was probably meant, else those that exist."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from esc_operator.formats.durations import parse_duration
from esc_operator.formats.spelling import Known, hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Choice(click.Choice[str]):
    """A choice that says which one was probably meant, and, if it has a `note`, what else was."""

    def __init__(self, choices: Sequence[str], note: str = "") -> None:
        super().__init__(choices)
        self._note = note

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        del ctx
        note = f"; {self._note}" if self._note else ""
        return f'"{value}" is none of the choices{hint(str(value), Known(self.choices, "they are"))}{note}'


class Seconds(click.ParamType[float]):
    """A duration, or a number of seconds, in seconds; at least `least`."""

    name = "duration"

    def __init__(self, least: float) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = parse_duration(value).total_seconds()
            except ValueError as error:
                self.fail(str(error), param, ctx)
        if not self._least <= seconds < math.inf:
            self.fail(f'"{value}" is too short or too long: write at least {self._least:g}s', param, ctx)
        return seconds


def explained(error: click.ClickException) -> click.ClickException:
    """The error, with a suggestion for a command or an option that does not exist."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption) and context is not None:
        options = tuple(_options(context))
        named = hint(error.option_name.lstrip("-"), Known(_bare(options)))
        shown = named.replace('"', '"--', 1) if named else hint("", Known(options, "the options are"))
        return click.UsageError(f'there is no option "{error.option_name}"{shown}', context)
    if isinstance(error, click.exceptions.NoSuchCommand) and isinstance(getattr(context, "command", None), click.Group):
        assert context is not None  # noqa: S101  (for mypy)
        names = context.command.list_commands(context)  # type: ignore[attr-defined]
        told = hint(error.command_name, Known(names, "the commands are"))
        return click.UsageError(f'there is no command "{error.command_name}"{told}', context)
    return error


def _options(context: click.Context) -> Iterable[str]:
    for parameter in context.command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from (name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("--"))


def _bare(options: Iterable[str]) -> tuple[str, ...]:
    return tuple(option.lstrip("-") for option in options)
