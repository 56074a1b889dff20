"""`esc run`."""

import click

from esc_operator.cli.options import context_option, namespace_option
from esc_operator.cli.outside import Outside
from esc_operator.cli.place import Place
from esc_operator.cli.run_arguments import INTERACTIVE, split
from esc_operator.cli.running import run_in_environment


class _RunCommand(click.Command):
    """A click command whose own options end before the command to run, with or without `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options, reference, command_line = split(args)
        positional = ["--", reference, *command_line] if reference is not None else []
        return super().parse_args(ctx, [*options, *positional])


@click.command(cls=_RunCommand)
@namespace_option()
@context_option()
@click.option(*INTERACTIVE, is_flag=True, help="Do not redact the command's output: the command keeps the terminal.")
@click.argument("reference")
@click.argument("command_line", nargs=-1, required=True, metavar="[--] COMMAND [ARG]...")
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917 - each is an option of its own
    outside: Outside,
    namespace: str,
    context: str,
    interactive: bool,
    reference: str,
    command_line: tuple[str, ...],
) -> int:
    """Run a command in an environment.

    The command gets the `environmentVariables` of the environment, and for each of its `files` a temporary file whose
    path is in the variable. `${path}` in an argument becomes the value at that path, `$$` a dollar sign. No shell
    interprets the command: run one if you need it.

    esc redacts secrets in the command's output, so the output is a pipe, not a terminal; use -i for an editor, a shell
    or a prompt. Without -i, esc waits until all processes that hold the output have ended. It forwards signals, always
    removes the temporary files, and exits with the command's status. If the environment has an error, nothing runs.

    \b
    Examples:
      esc run apps/aws -- aws s3 ls
      esc run -i apps/aws -- bash
      esc run apps/db -- psql -h '${database.host}' -c 'select 1'
      esc run apps/aws -- sh -c 'echo $AWS_ACCESS_KEY_ID'
    """
    return run_in_environment(reference, command_line, outside, Place(context, namespace), interactive=interactive)
