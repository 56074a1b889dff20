"""`esc env ls`."""

import json

import click

from esc_operator.cli.backends import open_backend
from esc_operator.cli.configuration import read_backend
from esc_operator.cli.outside import Outside


@click.command
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(outside: Outside, output: str) -> None:
    """List the environments.

    \b
    Examples:
      esc env ls
      esc env ls -o json | jq -r '.environments[].name'
    """
    names = open_backend(read_backend(outside.settings), outside).names()
    click.echo(_as_json(names) if output == "json" else "\n".join(names), nl=bool(names) or output == "json")


def _as_json(names: list[str]) -> str:
    split = (name.split("/", 1) for name in names)
    return json.dumps({"environments": [{"project": project, "name": name} for project, name in split]}, indent=2)
