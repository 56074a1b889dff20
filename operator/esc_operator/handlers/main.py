"""`esc-operator`: the command that runs the operator."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import click

from esc_operator import __version__
from esc_operator.driver.networks import parse_networks
from esc_operator.errors import EscError
from esc_operator.handlers import logs
from esc_operator.handlers.options import Options
from esc_operator.handlers.process import run
from esc_operator.handlers.recursion_limit import raise_recursion_limit
from esc_operator.manifests.rights import LEASE

logger = logging.getLogger("esc_operator")


def _check_networks(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parse_networks(texts)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write it like 203.0.113.0/24") from error
    return texts


@click.command(context_settings={"auto_envvar_prefix": "ESC_OPERATOR", "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="esc-operator")
@click.option("--kubeconfig", metavar="FILE", help="Outside a cluster: the kubeconfig that names it.")
@click.option("--context", metavar="NAME", help="Outside a cluster: the kubeconfig's context.")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Only this namespace; may be repeated. Default: all.",
)
@click.option("--workers", default=32, show_default=True, type=click.IntRange(1, 512), help="Environments at once.")
@click.option(
    "--provider-rate",
    type=click.IntRange(1),
    show_default="what the provider's service bears: 100 for aws-login, 20 where nothing is known",
    help="Calls of each provider a second, in the long run.",
)
@click.option(
    "--rollouts", default=20, show_default=True, type=click.IntRange(1), help="Workloads rolled at a time, in all."
)
@click.option(
    "--require-allow-lists",
    is_flag=True,
    help="A namespace without the annotations allowed-roles and allowed-audiences is allowed nothing.",
)
@click.option(
    "--api-audience",
    "api_audiences",
    multiple=True,
    metavar="NAME",
    help="An audience that the API server accepts, for which no token is asked; may be repeated. "
    "Default: the cluster's issuer and the audiences of the operator's own token.",
)
@click.option(
    "--allowed-url",
    "allowed_urls",
    multiple=True,
    metavar="PATTERN",
    help="Whom environments may have the operator ask besides public hosts over HTTPS, such as "
    "https://vault.vault.svc:8200; may be repeated. A namespace's annotation allowed-urls adds to it.",
)
@click.option(
    "--private-network",
    "private_networks",
    multiple=True,
    metavar="CIDR",
    callback=_check_networks,
    help="Addresses of the cluster that look like public ones, and are not to be asked; may be repeated.",
)
@click.option(
    "--health-address",
    default="0.0.0.0:8080",
    show_default=True,
    metavar="HOST:PORT",
    help='Where /healthz and /readyz are; "" for none.',
)
@click.option(
    "--leader-election/--no-leader-election",
    default=True,
    show_default=True,
    help="Of several operators let one work, and the others stand by.",
)
@click.option("--lease-name", default=LEASE, show_default=True, metavar="NAME", help="The Lease of them all.")
@click.option(
    "--lease-namespace", metavar="NAME", help="Where it is, and what the operator keeps. Default: the pod's own."
)
@click.option(
    "--lease-duration",
    default=12,
    show_default=True,
    type=click.IntRange(3, 600),
    metavar="SECONDS",
    help="How long after its last renewal an operator that died is replaced.",
)
@click.option(
    "--metrics-address",
    default="0.0.0.0:9090",
    show_default=True,
    metavar="HOST:PORT",
    help='Where /metrics is; "" for none.',
)
@click.option(
    "--metrics-authorization/--no-metrics-authorization",
    default=None,
    help="Serve /metrics only to users who may get it, as the API server says. Default: not on a loopback address.",
)
@click.option(
    "--metrics-environments",
    default=10_000,
    show_default=True,
    type=click.IntRange(0),
    help="Up to so many environments have series of their own; of more, each namespace has.",
)
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
@click.option("--log-format", default="text", show_default=True, type=click.Choice(logs.FORMATS))
def main(**flags: object) -> None:
    """Keep the Secrets of all EscEnvironments filled, ahead of every expiry.

    Every flag can also be given as an environment variable, such as ESC_OPERATOR_LOG_LEVEL. Of the process's
    environment, providers see AWS_REGION, AWS_ENDPOINT_URL_STS and their like.
    """
    options = Options(**flags)  # type: ignore[arg-type]
    logs.configure(options.log_level, options.log_format)
    raise_recursion_limit()
    try:
        asyncio.run(run(options, dict(os.environ)))
    except EscError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
