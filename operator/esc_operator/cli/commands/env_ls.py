"""`esc env ls`."""

import json

import click

from esc_operator.cli.backends import backend_url, open_backend
from esc_operator.cli.options import context_option, namespace_option, output_option
from esc_operator.cli.outside import Outside


@click.command
# Pulumi's spellings of the same.
@namespace_option("-p", "--project", help="Only the environments of this namespace; in a folder, of this project.")
@context_option("--organization")
@output_option(["text", "json"], "text", "Output format.")
@click.pass_obj
def command(outside: Outside, namespace: str, context: str, form: str) -> None:
    """List the environments.

    \b
    Examples:
      esc env ls
      esc env ls -n apps
      esc env ls -o json | jq -r '.environments[].name'
    """
    names = open_backend(backend_url(context, outside), outside).names(namespace)
    click.echo(_as_json(names) if form == "json" else "\n".join(names), nl=bool(names) or form == "json")


def _as_json(names: list[str]) -> str:
    split = (name.split("/", 1) for name in names)
    return json.dumps({"environments": [{"project": project, "name": name} for project, name in split]}, indent=2)
