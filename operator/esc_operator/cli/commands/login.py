"""`esc login`."""

# ruff: noqa: PTH112 - os.path, as in the rest of the command line
import os

import click

from esc_operator.cli import backends
from esc_operator.cli.backends import CHOICES, CLUSTER, FOLDER, is_cloud
from esc_operator.cli.configuration import BACKEND_URL, CLOUD_URLS, read_backend, write_backend, write_login
from esc_operator.cli.outside import Outside
from esc_operator.errors import ConfigurationError
from esc_operator.kube.kubeconfig import read_contexts

_HELP = f"""Choose where environments come from.

Without a URL it shows the choice and the alternatives. {BACKEND_URL} overrides the choice.

\b
Examples:
{CHOICES}

For Pulumi Cloud, esc uses the login of Pulumi's own command if there is one, else it asks for an access token at the
terminal. The token is stored where that command stores it (~/.pulumi/credentials.json), so each has the other's login.
Or set PULUMI_ACCESS_TOKEN: that token is not stored (--save-token stores it). Or exchange an identity token, as in CI:

\b
  esc login https://api.pulumi.com --oidc-token file:///var/run/token --oidc-org acme

When an exchanged token expires, esc exchanges what is in the file then.
"""


@click.command(help=_HELP)
@click.argument("url", required=False)
@click.option("-c", "--cloud-url", default="", metavar="URL", help="The same as URL.")
@click.option("--default-org", default="", metavar="NAME", help="The organization of references that name none.")
@click.option("--insecure", is_flag=True, help="Accept any certificate of the server.")
@click.option("--shared", is_flag=True, help="Use the Pulumi Cloud that `pulumi` is logged in to.")
@click.option("--save-token", is_flag=True, help="Store the token of PULUMI_ACCESS_TOKEN.")
@click.option("--oidc-token", default="", metavar="TOKEN", help="An identity token to exchange, or file://PATH of one.")
@click.option("--oidc-org", default="", metavar="NAME", help="Whose access token; by default, what the token says.")
@click.option("--oidc-team", default="", metavar="NAME", help="The access token of a team.")
@click.option("--oidc-user", default="", metavar="NAME", help="The access token of a user.")
@click.option("--oidc-expiration", default="", metavar="DURATION", help="How long it lasts; 2h by default.")
@click.pass_obj
def command(outside: Outside, /, url: str | None, cloud_url: str, **options: str | bool) -> None:
    if url and cloud_url:
        raise click.UsageError("URL and --cloud-url say the same: leave one of them out")
    chosen = _named(url or cloud_url, outside, options)
    if not chosen:
        click.echo(_explain(outside))
        return
    if is_cloud(chosen):
        chosen = _log_in(chosen, options, outside)
    else:
        if given := sorted(f"--{name.replace('_', '-')}" for name, value in options.items() if value):
            raise click.UsageError(f"{', '.join(given)}: only for Pulumi Cloud; {chosen} needs no login")
        chosen = _check(chosen, outside)
        write_backend(chosen, outside.settings)
        click.echo(f"Logged in to {chosen}")
    if (used := read_backend(outside.settings)) != chosen:
        setting = next(name for name in (BACKEND_URL, *CLOUD_URLS) if outside.settings.get(name))
        click.echo(f"Warning: {setting} is set, so {used} is used instead", err=True)


def _named(url: str, outside: Outside, options: dict[str, str | bool]) -> str:
    """The URL that is meant; "" if none is. Raises ConfigurationError."""
    if options["shared"]:
        from esc_operator.cli.cloud.files import PulumiFiles

        if url:
            raise click.UsageError(f"--shared uses what `pulumi` is logged in to: leave {url} out")
        current = PulumiFiles(outside.settings).current()
        if not is_cloud(current):
            at = f"to {current}, which has no environments" if current else "to nothing"
            raise ConfigurationError(f"`pulumi` is logged in {at}: run esc login https://api.pulumi.com")
        return current
    if url or not any(options.values()):
        return url
    # Pulumi's own command needs no URL.
    from esc_operator.cli.cloud.urls import CLOUD

    current = read_backend(outside.settings)
    return current if is_cloud(current) else CLOUD


def _log_in(url: str, options: dict[str, str | bool], outside: Outside) -> str:
    """Log in to Pulumi Cloud; the URL that is stored. Raises EscError."""
    from esc_operator.cli.cloud.exchanging import EXPIRATION, Exchange
    from esc_operator.cli.cloud.files import PulumiFiles
    from esc_operator.cli.cloud.logging_in import Wish, log_in
    from esc_operator.cli.cloud.session import CloudLogin
    from esc_operator.cli.cloud.urls import cloud_url
    from esc_operator.formats.phrases import printable

    text = {name: str(value) for name, value in options.items()}
    exchange = None
    if text["oidc_token"]:
        expiration = text["oidc_expiration"] or EXPIRATION
        exchange = Exchange(text["oidc_token"], text["oidc_org"], text["oidc_team"], text["oidc_user"], expiration)
    elif any(text[f"oidc_{name}"] for name in ("org", "team", "user", "expiration")):
        raise click.UsageError("--oidc-org, --oidc-team, --oidc-user and --oidc-expiration need --oidc-token")
    files = PulumiFiles(outside.settings)
    wanted = CloudLogin(cloud_url(url), exchange, bool(options["insecure"]))
    login, user = log_in(Wish(wanted, text["default_org"], bool(options["save_token"])), files, outside)
    files.choose("" if options["shared"] else login.url)
    write_login(login, outside.settings)
    click.echo(f"Logged in to {login.url} as {printable(user)}")
    return login.url


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
    has_token = outside.settings.get("PULUMI_ACCESS_TOKEN") and not is_cloud(current)
    unused = "\n\nPULUMI_ACCESS_TOKEN is set, and not used before you choose Pulumi Cloud." if has_token else ""
    return (
        f"Environments come from {current}\n\nTo choose:\n{CHOICES}\n\nContexts of your kubeconfig: {contexts}{unused}"
    )
