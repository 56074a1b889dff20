"""`esc env ls`."""

import json

import click

from esc_operator.cli.backends import backend_url, is_cloud, open_backend
from esc_operator.cli.configuration import read_backend, read_login
from esc_operator.cli.options import context_option, namespace_option, output_option
from esc_operator.cli.outside import Outside


@click.command
# Pulumi's spelling of the same.
@namespace_option("-p", "--project", help="Only the environments of this namespace; else of this project.")
@context_option()
@click.option(
    "--organization",
    default="",
    metavar="NAME",
    help="In Pulumi Cloud, only the environments of this organization; else the same as --context.",
)
@output_option(["text", "json"], "text", "Output format.", "an organization is named with --organization")
@click.pass_obj
def command(outside: Outside, namespace: str, context: str, organization: str, form: str) -> None:
    """List the environments.

    \b
    Examples:
      esc env ls
      esc env ls -n apps
      esc env ls --organization acme -p shop
      esc env ls -o json | jq -r '.environments[].name'
    """
    url = read_backend(outside.settings) if not context else ""
    if is_cloud(url):
        found = _in_cloud(url, organization, namespace, outside)
    else:
        if context and organization not in {"", context}:
            raise click.UsageError("--context and --organization name two clusters: leave one of them out")
        names = open_backend(backend_url(context or organization, outside), outside).names(namespace)
        found = [dict(zip(("project", "name"), name.split("/", 1), strict=True)) for name in names]
    if form == "json":
        click.echo(json.dumps({"environments": found}, indent=2))
    else:
        click.echo("\n".join("/".join(each.values()) for each in found), nl=bool(found))


def _in_cloud(url: str, organization: str, project: str, outside: Outside) -> list[dict[str, str]]:
    from esc_operator.cli.cloud.listing import list_in_cloud

    listed = list_in_cloud(organization, project, read_login(url, outside.settings), outside)
    return [each._asdict() for each in listed]
