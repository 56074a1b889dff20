"""`esc-operator`: the command that runs the operator."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import click

from esc_operator import __version__
from esc_operator.cli.usage import Choice
from esc_operator.driver.networks import parse_networks
from esc_operator.errors import EscError
from esc_operator.handlers import logs
from esc_operator.handlers.interpreter import favour_loop
from esc_operator.handlers.options import Options
from esc_operator.handlers.process import run
from esc_operator.handlers.recursion_limit import raise_recursion_limit
from esc_operator.manifests.rights import LEASE
from esc_operator.resources.rotation import DEFAULT_HISTORY

logger = logging.getLogger("esc_operator")


def _check_networks(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parse_networks(texts)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write it like 203.0.113.0/24") from error
    return texts


@click.command(context_settings={"auto_envvar_prefix": "ESC_OPERATOR", "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="esc-operator", message="%(prog)s v%(version)s")
@click.option("--kubeconfig", metavar="FILE", help="Outside a cluster: the kubeconfig to use.")
@click.option("--context", metavar="NAME", help="Outside a cluster: the context of the kubeconfig.")
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Work on this namespace only; may be repeated. Default: all.",
)
@click.option(
    "--workers",
    default=32,
    show_default=True,
    type=click.IntRange(1, 512),
    help="How many environments to work on at a time.",
)
@click.option(
    "--cluster-name",
    default="default",
    show_default=True,
    metavar="NAME",
    help="The cluster's name, which environments see as ${context.pulumi.organization.login}.",
)
@click.option(
    "--provider-rate",
    type=click.IntRange(1),
    show_default="what the provider's service allows: 100 for aws-login and pulumi, 20 if that is not known",
    help="Sustained calls of each provider a second.",
)
@click.option(
    "--rollouts",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="How many workloads of the cluster to roll at a time.",
)
@click.option(
    "--rotation-history",
    default=DEFAULT_HISTORY,
    show_default=True,
    type=click.IntRange(0),
    help="How many ended EscRotations that esc rotate made to keep, of those that succeeded and of those that did not.",
)
@click.option(
    "--require-allow-lists",
    is_flag=True,
    help="Allow nothing to namespaces without the annotations allowed-roles and allowed-audiences.",
)
@click.option(
    "--api-audience",
    "api_audiences",
    multiple=True,
    metavar="NAME",
    help="An audience that the API server accepts, and that environments may not use; may be repeated. "
    "Default: the cluster's issuer and the audiences of the operator's own token.",
)
@click.option(
    "--allowed-url",
    "allowed_urls",
    multiple=True,
    metavar="PATTERN",
    help="Origins that environments may connect to besides public hosts over HTTPS, such as "
    "https://vault.vault.svc:8200; may be repeated. A namespace's annotation allowed-urls adds to them.",
)
@click.option(
    "--private-network",
    "private_networks",
    multiple=True,
    metavar="CIDR",
    callback=_check_networks,
    help="Addresses that look public but belong to the cluster: environments may not connect to them; may be repeated.",
)
@click.option(
    "--health-address",
    default="0.0.0.0:8080",
    show_default=True,
    metavar="HOST:PORT",
    help='Address of /healthz and /readyz; "" for none.',
)
@click.option(
    "--leader-election/--no-leader-election",
    default=True,
    show_default=True,
    help="Elect one operator that works; the others stand by.",
)
@click.option("--lease-name", default=LEASE, show_default=True, metavar="NAME", help="The Lease that they share.")
@click.option(
    "--lease-namespace",
    metavar="NAME",
    help="Namespace of the Lease and of what the operator stores. Default: the pod's own.",
)
@click.option(
    "--lease-duration",
    default=12,
    show_default=True,
    type=click.IntRange(3, 600),
    metavar="SECONDS",
    help="Replace a leader this long after its last renewal.",
)
@click.option(
    "--metrics-address",
    default="0.0.0.0:9090",
    show_default=True,
    metavar="HOST:PORT",
    help='Address of /metrics; "" for none.',
)
@click.option(
    "--metrics-authorization/--no-metrics-authorization",
    default=None,
    help="Serve /metrics only to users who may get it, by the API server's RBAC. Default: on, except on a loopback "
    "address.",
)
@click.option(
    "--metrics-environments",
    default=10_000,
    show_default=True,
    type=click.IntRange(0),
    help="Up to this many environments have series of their own; above it each namespace has.",
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=Choice(["debug", "info", "warning", "error"]),
    help="The least important messages to log.",
)
@click.option(
    "--log-format",
    default="text",
    show_default=True,
    type=Choice(logs.FORMATS),
    help="Lines for people, or a JSON object a line.",
)
def main(**flags: object) -> None:
    """Keep the Secrets of all EscEnvironments filled, and renew them before they expire.

    You can set every flag by an environment variable too, such as ESC_OPERATOR_LOG_LEVEL. Providers read AWS_REGION,
    AWS_ENDPOINT_URL_STS and similar settings from the process's environment.
    """
    options = Options(**flags)  # type: ignore[arg-type]
    logs.configure(options.log_level, options.log_format)
    raise_recursion_limit()
    favour_loop()
    try:
        asyncio.run(run(options, dict(os.environ)))
    except EscError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
