"""`esc logout`."""

import click

from esc_operator.cli.backends import is_cloud
from esc_operator.cli.configuration import default_backend, forget_backend, read_choice
from esc_operator.cli.outside import Outside


@click.command
@click.argument("url", required=False)
@click.option("-c", "--cloud-url", default="", metavar="URL", help="The same as URL.")
@click.option("--all", "everything", is_flag=True, help="Forget the tokens of all Pulumi Clouds.")
@click.pass_obj
def command(outside: Outside, url: str | None, cloud_url: str, everything: bool) -> None:
    """Forget the backend that `esc login` chose.

    If it is Pulumi Cloud, or URL names one, its access token is removed from ~/.pulumi/credentials.json, so that
    `pulumi` is logged out of it as well. The token stays valid until you delete it in Pulumi Cloud.
    """
    named = url or cloud_url
    if (url and cloud_url) or (named and everything):
        raise click.UsageError("URL, --cloud-url and --all exclude each other: leave all but one of them out")
    current = read_choice(outside.settings)
    forgotten = _forget_tokens(named or current, outside, everything=everything)
    if (everything or not named or _same(named, current)) and forget_backend(outside.settings):
        click.echo(f"Logged out; environments come from {default_backend(outside.settings)} again")
    elif not forgotten:
        click.echo(f"Not logged in to {named or 'anything'}.")
    if outside.settings.get("PULUMI_ACCESS_TOKEN") and (everything or is_cloud(named or current)):
        click.echo("Warning: PULUMI_ACCESS_TOKEN is set, and stays so: unset it", err=True)


def _forget_tokens(url: str, outside: Outside, *, everything: bool) -> bool:
    """Whether there was a token to forget. Raises ConfigurationError."""
    if not (everything or is_cloud(url)):
        return False
    from esc_operator.cli.cloud.files import PulumiFiles
    from esc_operator.cli.cloud.urls import cloud_url

    files = PulumiFiles(outside.settings)
    urls = [each for each in files.urls() if is_cloud(each)] if everything else [cloud_url(url)]
    forgotten = [each for each in urls if files.forget(each)]
    if everything or _same(files.chosen(), url):
        files.choose("")
    for each in forgotten:
        click.echo(f"Forgot the access token for {each}")
    return bool(forgotten)


def _same(left: str, right: str) -> bool:
    return left.rstrip("/") == right.rstrip("/")
