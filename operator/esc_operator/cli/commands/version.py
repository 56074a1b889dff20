"""`esc version`."""

import click

from esc_operator import __version__


@click.command
def command() -> None:
    """Print the version of esc."""
    click.echo(f"v{__version__}")
