"""The tree of commands. A command's module is imported when you use the command or list the help."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from esc_operator import __version__
from esc_operator.cli.usage import explained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from esc_operator.cli.outside import Outside

_COMMANDS = {
    "env": "env",
    "login": "login",
    "logout": "logout",
    "open": "open",
    "rotate": "rotate",
    "run": "run",
    "schema": "schema",
    "version": "version",
}
_HELP = """Environments, secrets and short-lived credentials, from a folder, a Kubernetes cluster or Pulumi Cloud.

A reference, [organization/][project/]name, names an environment. In a cluster the organization is a context of your
kubeconfig, the project a namespace, and the name that of an EscEnvironment. In Pulumi Cloud a version may follow,
name@version. `esc login` says which of them is meant.

\b
Examples:
  esc run apps/aws -- aws s3 ls              run a command in an environment
  esc run my-cluster/apps/aws -- aws s3 ls   the same, in a cluster that you are not logged in to
  esc open apps/aws                          show its values, secrets included
  esc open apps/aws database.host -f string  show one value
  eval "$(esc open apps/aws -f shell)"       load its variables into a shell
  esc rotate apps/aws --wait                 get new credentials
  esc env ls                                 list the environments
  esc login https://api.pulumi.com           use the environments of Pulumi Cloud

\b
Exit status:
  0    success                    126  `run`: the command cannot be executed
  1    failure; stderr says why   127  `run`: there is no such command
  2    wrong usage                128+N  signal N ended the command
  Otherwise `run` exits with the status of the command that it ran.
"""


class LazyGroup(click.Group):
    """A group whose commands are modules of `commands`, each with a `command`."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return None
        module = import_module(f"esc_operator.cli.commands.{self._modules[cmd_name]}")
        command: click.Command = module.command
        return command


def run_group(arguments: Sequence[str], outside: Outside) -> int:
    """Run one command and return its exit status. Raises EscError."""
    try:
        answer = root.main(list(arguments), prog_name=_program_name(), standalone_mode=False, obj=outside)
    except click.ClickException as error:
        explained(error).show()
        return error.exit_code
    except click.Abort:
        return 130
    return answer if isinstance(answer, int) else 0


def _program_name() -> str:
    return "kubectl esc" if "kubectl" in sys.argv[0].replace("\\", "/").rpartition("/")[2] else "esc"


def _show_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        click.echo(f"{_program_name()} v{__version__}")
        ctx.exit()


root = LazyGroup(
    "esc",
    modules=_COMMANDS,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(["--debug"], is_flag=True, hidden=True, expose_value=False),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        ),
    ],
)
