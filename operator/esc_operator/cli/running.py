"""`esc run` without its command line: open an environment and run a command in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from esc_operator.cli.opened import NotOpenedError
from esc_operator.cli.opening import open_reference
from esc_operator.cli.place import ANYWHERE, Place
from esc_operator.projection.process import check_for_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from esc_operator.cli.outside import Outside
    from esc_operator.cli.redaction import Matcher
    from esc_operator.evaluation.values import Value
    from esc_operator.projection.variables import Variable


def run_in_environment(
    reference: str, command: Sequence[str], outside: Outside, place: Place = ANYWHERE, *, interactive: bool = False
) -> int:
    """Run a command in an environment and return its exit status; `interactive` leaves its output alone.

    Raises EscError if it ran nothing.
    """
    opened = open_reference(reference, outside, place)
    variables = opened.variables()
    if problems := check_for_process(variables):
        opened.report(problems)
        raise NotOpenedError(f"no command can get the variables of {reference}: correct them")
    filled = [command[0], *_fill_in(command, opened.value)]
    hides = opened.value.contains_secrets and not interactive
    return _run(filled, outside, variables, (lambda: _matcher(opened.value)) if hides else None)


def _run(
    command: Sequence[str],
    outside: Outside,
    variables: Sequence[Variable],
    secrets: Callable[[], Matcher] | None,
) -> int:
    from esc_operator.cli.files import remove_leftovers, temporary_files
    from esc_operator.cli.process import replace_process, run_command

    remove_leftovers(outside.settings)
    environment = {**outside.settings, **{each.name: each.text for each in variables if not each.is_file}}
    contents = {each.name: each.text for each in variables if each.is_file}
    if not (contents or secrets):
        # Nothing to redact and nothing to clean up: the command can replace this process.
        replace_process(command, environment)

    from esc_operator.cli.signals import held_signals

    with held_signals() as held, temporary_files(contents, outside.settings) as paths:
        return run_command(command, {**environment, **paths}, held, secrets)


def _matcher(environment: Value) -> Matcher:
    # Loaded once the command runs.
    from esc_operator.cli.redaction import secrets_of

    return secrets_of(environment)


def _fill_in(command: Sequence[str], environment: Value) -> Sequence[str]:
    """The command's arguments with values filled in; warn of secrets in them, which other users can see."""
    arguments = command[1:]
    has_values = any("$" in argument for argument in arguments)
    if not arguments or not (has_values or environment.contains_secrets):
        return arguments
    from esc_operator.cli.arguments import Arguments, fill_in, holding
    from esc_operator.projection.secrets import secret_texts

    filled = fill_in(arguments, environment) if has_values else Arguments(list(arguments), [], [])
    if exposed := sorted({*filled.secret, *holding(filled.texts, secret_texts(environment))}):
        sys.stderr.write(_exposure(command[0], exposed))
    for keys in filled.missing:
        sys.stderr.write(_absence(environment, keys))
    return filled.texts


def _absence(environment: Value, keys: Sequence[str | int]) -> str:
    from esc_operator.cli.missing import describe_missing
    from esc_operator.formats.paths import join_path

    path = join_path(keys)
    return (
        f"Warning: the environment has no value at ${{{path}}}, so it became empty; "
        f"write $${{{path}}} if the command should get it unchanged{describe_missing(environment, keys)}\n"
    )


def _exposure(name: str, positions: Sequence[int]) -> str:
    *others, last = map(str, positions)
    which = f"arguments {', '.join(others)} and {last}" if others else f"argument {last}"
    return (
        f"Warning: {which} of {name} {'hold secrets' if others else 'holds a secret'} of the environment, and every "
        "user of this machine can read the arguments of a process (ps); pass it in a variable, in one of the "
        "environment's `files` or on standard input instead\n"
    )
