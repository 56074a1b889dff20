"""`esc logout`."""

import click

from esc_operator.cli.configuration import default_backend, forget_backend
from esc_operator.cli.outside import Outside


@click.command
@click.pass_obj
def command(outside: Outside) -> None:
    """Forget the backend that `esc login` chose."""
    if forget_backend(outside.settings):
        click.echo(f"Logged out; environments come from {default_backend(outside.settings)} again")
    else:
        click.echo("Not logged in to anything.")
