"""`esc run`."""

import click

from esc_operator.cli.outside import Outside
from esc_operator.cli.run_arguments import INTERACTIVE, split
from esc_operator.cli.running import run_in_environment


class _RunCommand(click.Command):
    """A command whose own options end where the command to run begins, with or without `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options, reference, command_line = split(args)
        positional = ["--", reference, *command_line] if reference is not None else []
        return super().parse_args(ctx, [*options, *positional])


@click.command(cls=_RunCommand, options_metavar="[-i]")
@click.option(*INTERACTIVE, is_flag=True, help="Leave the command's output alone: it keeps the terminal.")
@click.argument("reference")
@click.argument("command_line", nargs=-1, required=True, metavar="[--] COMMAND [ARG]...")
@click.pass_obj
def command(outside: Outside, interactive: bool, reference: str, command_line: tuple[str, ...]) -> int:
    """Run a command in an environment.

    The command gets the `environmentVariables` of the environment, and for each of its `files` a temporary file whose
    path is in the variable. `${path}` in an argument becomes the value at that path, `$$` a dollar sign. There is no
    shell in between: run one if you need it.

    Secrets are taken out of what the command prints, so its output is a pipe and no terminal; an editor, a shell or a
    prompt wants -i. Without -i it ends when all who hold its output have ended. Signals are passed on, temporary files
    are always removed, and the exit status is the command's. If the environment has an error nothing is run.

    \b
    Examples:
      esc run apps/aws -- aws s3 ls
      esc run -i apps/aws -- bash
      esc run apps/db -- psql -h '${database.host}' -c 'select 1'
      esc run apps/aws -- sh -c 'echo $AWS_ACCESS_KEY_ID'
    """
    return run_in_environment(reference, command_line, outside, interactive=interactive)
