"""`esc schema`: the JSON Schema of an environment file."""

import json

import click

from esc_operator.driver.catalogue import Catalogue
from esc_operator.schema.environment_file import environment_file_schema


@click.command
def command() -> None:
    """Print the JSON Schema of an environment file, for editors.

    It holds the inputs of every provider that is installed. For the YAML language server, begin a file with

    \b
      # yaml-language-server: $schema=FILE
    """
    catalogue = Catalogue()
    providers = {name: catalogue.providers.find(name).inputs for name in catalogue.providers.names()}
    rotators = {name: catalogue.rotators.find(name).inputs for name in catalogue.rotators.names()}
    click.echo(json.dumps(environment_file_schema(providers, rotators), indent=2))
