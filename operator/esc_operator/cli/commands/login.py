"""`esc login`."""

# ruff: noqa: PTH112 - os.path, as in the rest of the command line
import os

import click

from esc_operator.cli import backends
from esc_operator.cli.backends import CHOICES, CLUSTER, FOLDER
from esc_operator.cli.configuration import BACKEND_URL, read_backend, write_backend
from esc_operator.cli.outside import Outside
from esc_operator.errors import ConfigurationError
from esc_operator.kube.kubeconfig import read_contexts

_HELP = f"""Choose where environments come from.

Without a URL it shows the choice and the alternatives. {BACKEND_URL} overrides the choice.

\b
Examples:
{CHOICES}
"""


@click.command(help=_HELP)
@click.argument("url", required=False)
@click.pass_obj
def command(outside: Outside, url: str | None) -> None:
    if url is None:
        click.echo(_explain(outside))
        return
    chosen = _check(url, outside)
    write_backend(chosen, outside.settings)
    click.echo(f"Logged in to {chosen}")
    if override := outside.settings.get(BACKEND_URL):
        click.echo(f"Warning: {BACKEND_URL} is set, so {override} is used instead", err=True)


def _check(url: str, outside: Outside) -> str:
    """The URL to store, which means the same from every folder. Raises ConfigurationError."""
    if url.startswith(FOLDER):
        path = backends.folder_path(url)
        if not os.path.isdir(path):
            raise ConfigurationError(f"there is no folder {path}: create it, or name another one")
        return f"{FOLDER}{path}"
    if url.startswith(CLUSTER):
        return CLUSTER + read_contexts(outside.settings).resolve(url.removeprefix(CLUSTER))
    raise backends.unsupported(url)


def _explain(outside: Outside) -> str:
    try:
        contexts = ", ".join(sorted(read_contexts(outside.settings).namespaces)) or "none"
    except ConfigurationError as error:
        contexts = error.message
    current = read_backend(outside.settings)
    return f"Environments come from {current}\n\nTo choose:\n{CHOICES}\n\nContexts of your kubeconfig: {contexts}"
