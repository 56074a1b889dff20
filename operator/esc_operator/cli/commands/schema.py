"""`esc schema`: the JSON Schema of an environment file, or the schemas of one provider or rotator."""

import json
from collections.abc import Iterator
from typing import Any

import click

from esc_operator.driver.catalogue import Catalogue
from esc_operator.errors import ConfigurationError, EscError
from esc_operator.formats.spelling import Known, enumerated, hint
from esc_operator.providers.registry import Plugin, Registry
from esc_operator.schema.environment_file import Rotation, environment_file_schema


@click.command
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of an environment file, for editors.

    It has the inputs of every installed provider and rotator. For the YAML language server, start a file with

    \b
      # yaml-language-server: $schema=FILE

    With the NAME of a provider or rotator, print the schemas of its inputs and outputs.

    \b
    Examples:
      esc schema > environment.schema.json
      esc schema aws-login
      esc schema aws-iam | jq '.["fn::rotate::aws-iam"].outputs'
    """
    catalogue = Catalogue()
    click.echo(json.dumps(_of_files(catalogue) if name is None else _of_one(catalogue, name), indent=2))


def _of_files(catalogue: Catalogue) -> dict[str, Any]:
    providers = {name: provider.inputs for name, provider in _loaded(catalogue.providers)}
    rotations = {name: Rotation(rotator.inputs, rotator.state) for name, rotator in _loaded(catalogue.rotators)}
    return environment_file_schema(providers, rotations)


def _loaded(plugins: Registry[Plugin]) -> Iterator[tuple[str, Plugin]]:
    """One that cannot be loaded, of a package of its own perhaps, is reported, and does not hide the others."""
    for name in plugins.names():
        try:
            yield name, plugins.find(name)
        except EscError as error:
            click.echo(f"Warning: {error.message}", err=True)


def _of_one(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """The schemas by call (`fn::open::NAME`): a provider and a rotator may have the same name."""
    found: dict[str, Any] = {}
    if name in catalogue.providers.names():
        provider = catalogue.providers.find(name)
        found[f"fn::open::{name}"] = {"inputs": provider.inputs, "outputs": provider.outputs}
    if name in catalogue.rotators.names():
        rotator = catalogue.rotators.find(name)
        found[f"fn::rotate::{name}"] = {
            "inputs": rotator.inputs,
            "state": rotator.state,
            "outputs": rotator.outputs,
        }
    if not found:
        providers, rotators = catalogue.providers.names(), catalogue.rotators.names()
        listed = f"; the providers are {enumerated(providers)}, and the rotators {enumerated(rotators)}"
        meant = hint(name, Known((*providers, *rotators))) or listed
        raise ConfigurationError(f'no provider or rotator "{name}" is installed{meant}')
    return found
