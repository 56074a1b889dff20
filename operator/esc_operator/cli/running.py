"""`esc run` without its command line: open an environment and run a command in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from esc_operator.cli.opening import NotOpenedError, open_reference
from esc_operator.projection.process import check_for_process
from esc_operator.projection.variables import exported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from esc_operator.cli.backends import Outside
    from esc_operator.cli.redaction import Matcher
    from esc_operator.evaluation.values import Value
    from esc_operator.projection.variables import Variable


def run_in_environment(reference: str, command: Sequence[str], outside: Outside, *, interactive: bool = False) -> int:
    """Run a command in an environment and return its exit status; `interactive` leaves its output alone.

    Raises EscError, in which case nothing was run.
    """
    opened = open_reference(reference, outside)
    variables = exported(opened.value)
    if problems := check_for_process(variables):
        opened.report(problems)
        raise NotOpenedError(f"{reference} cannot be given to a command")
    filled = [command[0], *_fill_in(command[1:], opened.value)]
    hides = opened.value.contains_secrets and not interactive
    return _run(filled, outside, variables, (lambda: _matcher(opened.value)) if hides else None)


def _run(
    command: Sequence[str],
    outside: Outside,
    variables: Sequence[Variable],
    secrets: Callable[[], Matcher] | None,
) -> int:
    from esc_operator.cli.process import replace_process, run_command

    environment = {**outside.settings, **{each.name: each.text for each in variables if not each.is_file}}
    contents = {each.name: each.text for each in variables if each.is_file}
    if not (contents or secrets):
        # Nothing to hide and nothing to clean up: the command is better off without us.
        replace_process(command, environment)

    from esc_operator.cli.files import temporary_files
    from esc_operator.cli.signals import held_signals

    with held_signals() as held, temporary_files(contents) as paths:
        return run_command(command, {**environment, **paths}, held, secrets)


def _matcher(environment: Value) -> Matcher:
    # Loaded once the command runs.
    from esc_operator.cli.redaction import secrets_of

    return secrets_of(environment)


def _fill_in(arguments: Sequence[str], environment: Value) -> Sequence[str]:
    if not any("$" in argument for argument in arguments):
        return arguments
    from esc_operator.cli.arguments import fill_in

    filled = fill_in(arguments, environment)
    for path in filled.missing:
        sys.stderr.write(
            f"Warning: the environment has no value at ${{{path}}}, so it became empty; "
            f"write $${{{path}}} to leave it to the command\n"
        )
    return filled.texts
