"""`esc open`."""

import sys
from collections.abc import Callable

import click

from esc_operator.cli.missing import describe_missing
from esc_operator.cli.opened import NotOpenedError, OpenedEnvironment
from esc_operator.cli.opening import open_reference
from esc_operator.cli.options import context_option, namespace_option, output_option
from esc_operator.cli.outside import Outside
from esc_operator.cli.place import Place
from esc_operator.errors import ConfigurationError
from esc_operator.evaluation.values import Value
from esc_operator.lang.access import parse_access
from esc_operator.projection import documents, lines
from esc_operator.projection.variables import NOT_TEXT

_DOCUMENTS: dict[str, Callable[[Value], str]] = {
    "json": documents.json_document,
    "yaml": documents.yaml_document,
    "string": documents.text_document,
    "detailed": documents.detailed_document,
}
_LINES = {
    "dotenv": lines.dotenv_lines,
    "docker": lines.docker_lines,
    "shell": lines.shell_lines,
    "fish": lines.fish_lines,
}


@click.command
@click.argument("reference")
@click.argument("path", default="")
@namespace_option()
@context_option()
@output_option(
    [*_DOCUMENTS, *_LINES], "json", "Output format; dotenv, docker, shell and fish write the environmentVariables."
)
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917 - each is an option of its own
    outside: Outside, reference: str, path: str, namespace: str, context: str, form: str
) -> None:
    """Open an environment and show it, or the value at a path, secrets included.

    \b
    Examples:
      esc open apps/aws
      esc open apps/db database.password -f string
      esc open apps/db 'servers[0]["host.name"]'
      eval "$(esc open apps/aws -f shell)"
      esc open apps/aws -f fish | source
      esc open apps/aws -f dotenv > .env
      esc open apps/aws -f docker > env-file

    Node's --env-file, npm's dotenv and python-dotenv read the format dotenv alike. The format docker is for
    docker run --env-file and kubectl create secret --from-env-file, which know no quotes. If the environment has an
    error, or the format cannot hold a value, nothing is printed and the exit status is 1.
    """
    if path and form in _LINES:
        raise click.UsageError(f"--format {form} is for a whole environment: leave the path out")
    keys, problem = parse_access(path)
    if keys is None:
        raise click.UsageError(f"{path}: {problem}")
    opened = open_reference(reference, outside, Place(context, namespace))
    if form in _LINES:
        _write(_as_lines(opened, reference, form))
    else:
        _write(_DOCUMENTS[form](_at(opened.value, keys, path)))


def _at(value: Value, keys: tuple[str | int, ...], path: str) -> Value:
    found = value.lookup(keys)
    if found is None:
        raise ConfigurationError(f"the environment has no value at {path}{describe_missing(value, keys)}")
    return found


def _as_lines(opened: OpenedEnvironment, reference: str, form: str) -> str:
    variables = opened.variables()
    text, problems = _LINES[form]([each for each in variables if not each.is_file])
    if problems:
        opened.report(problems)
        raise NotOpenedError(f"{reference} cannot be written as {form}, so nothing was printed")
    if files := [each.name for each in variables if each.is_file]:
        click.echo(f"Warning: files are left out, use `esc run` to get them: {', '.join(files)}", err=True)
    return text


def _write(text: str) -> None:
    # A value may be bytes that are not text; write them unchanged.
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"the value {NOT_TEXT}") from error
    if sys.stdout is None:
        raise ConfigurationError("standard output is closed, so nothing can be shown")
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
