"""`esc rotate`."""

import sys
from typing import Any

import click

from esc_operator.cli.backends import CLUSTER, backend_url, is_cloud
from esc_operator.cli.cluster_session import ClusterSession
from esc_operator.cli.label_selectors import parse_label_selector
from esc_operator.cli.one_rotation import rotate_one
from esc_operator.cli.options import context_option, namespace_option
from esc_operator.cli.outside import Outside
from esc_operator.cli.place import Place
from esc_operator.cli.rotating import follow_rotation, show_plan, start_rotation
from esc_operator.cli.usage import Seconds
from esc_operator.cli.waiting import Waiting, make_waiting
from esc_operator.errors import ConfigurationError
from esc_operator.kube.kubeconfig import read_contexts
from esc_operator.resources.definition_source import PULUMI
from esc_operator.resources.environment import key_of
from esc_operator.resources.rotation import DEFAULT_AT_ONCE, MOST_AT_ONCE, NO_ORGANIZATIONS
from esc_operator.stores.cluster import read_existing
from esc_operator.stores.references import Reference, parse_reference


@click.command
@click.argument("reference", required=False)
@click.option("--all", "everything", is_flag=True, help="All environments of the cluster.")
@namespace_option(
    help="The namespace of a REFERENCE that names none; without a REFERENCE, all environments of this namespace, and "
    "the option may be repeated.",
    multiple=True,
)
@context_option()
@click.option("--namespace-selector", metavar="SELECTOR", help="Environments of namespaces with these labels.")
@click.option("-l", "--selector", "labels", metavar="SELECTOR", help="With these labels, as in kubectl get -l.")
@click.option("--provider", metavar="NAME", help="Environments that open this provider, such as aws-login.")
@click.option("--organization", metavar="NAME", help="Environments of this organization of Pulumi Cloud.")
@click.option(
    "--role",
    metavar="PATTERN",
    help="Environments that log in to such a role; * is any text but / and :, ** is any text.",
)
@click.option("--reason", metavar="TEXT", help="Why, for people who read it later.")
@click.option(
    "--max-concurrent",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=DEFAULT_AT_ONCE,
    show_default=True,
    help="How many environments to rotate at a time.",
)
@click.option("--stop-after", type=click.IntRange(1), metavar="N", help="Stop in a namespace after N failures there.")
@click.option("--allow-none", is_flag=True, help="Succeed even if no environment matches, or all are suspended.")
@click.option("--no-rollout", is_flag=True, help="Replace no pods: they take the new values when they next start.")
@click.option(
    "--pulumi-rotators",
    is_flag=True,
    help="Where an environment comes from Pulumi Cloud, also rotate its rotators there, for everyone who opens it.",
)
@click.option("--dry-run", is_flag=True, help="Only show which environments would be rotated, in order.")
@click.option(
    "--wait",
    is_flag=True,
    help="Wait until all have new values and their pods run with them, and show what is waited for. Ends early where "
    "something stands in the way, or no operator works.",
)
@click.option(
    "--timeout", type=Seconds(1), metavar="DURATION", help="With --wait: wait at most this long, such as 10m or 90s."
)
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917 - each is an option of its own
    outside: Outside,
    reference: str | None,
    everything: bool,
    namespaces: tuple[str, ...],
    context: str,
    namespace_selector: str | None,
    labels: str | None,
    provider: str | None,
    organization: str | None,
    role: str | None,
    reason: str | None,
    max_concurrent: int,
    stop_after: int | None,
    allow_none: bool,
    no_rollout: bool,
    pulumi_rotators: bool,
    dry_run: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Get new credentials for one environment, or for all that match the options.

    The operator gets them, the earliest expiry first and a few at a time, and replaces pods where rollout.policy is
    OnChange. For several environments the command creates an EscRotation (kubectl get escrot), which continues
    without it. With --wait the exit status says whether all have new values.

    \b
    Examples:
      esc rotate apps/aws --wait
      esc rotate ClusterEscEnvironment/registry --wait
      esc rotate -n apps --dry-run
      esc rotate --namespace-selector team=red --dry-run
      esc rotate --provider pulumi --organization acme --dry-run
      esc rotate --role 'arn:aws:iam::123456789012:role/*' --reason 'a laptop was stolen' --wait
      esc rotate --all --max-concurrent 50 --stop-after 5 --wait
    """
    place = Place(context, _only(namespaces) if reference else "")
    choice = _choice(() if reference else namespaces, namespace_selector, labels, provider, organization, role)
    if everything and choice:
        raise click.UsageError("--all excludes the other selectors: use one or the other")
    selector = choice if choice or everything else None
    waiting = make_waiting(timeout, outside) if wait else None
    if (reference is None) == (selector is None):
        raise click.UsageError(
            "name one environment, or say which ones: --all, -n, --namespace-selector, -l, --provider, --organization, "
            "--role"
        )
    if selector is None:
        if no_rollout or stop_after or reason or allow_none:
            raise click.UsageError(
                "--reason, --stop-after, --allow-none and --no-rollout need a selector, such as --role, not a name"
            )
        _rotate_one(outside, str(reference), place, waiting, dry_run=dry_run, pulumi_rotators=pulumi_rotators)
        return
    session = _session(outside, context)[0]
    if dry_run:
        show_plan(session, selector, allow_none=allow_none)
        return
    spec = {
        "selector": selector,
        "maxConcurrent": max_concurrent,
        **({"reason": reason} if reason else {}),
        **({"stopAfterFailures": stop_after} if stop_after else {}),
        **({"rollout": False} if no_rollout else {}),
        **({"pulumiRotators": True} if pulumi_rotators else {}),
        **({"allowNone": True} if allow_none else {}),
    }
    name = start_rotation(session, spec)
    click.echo(f"Created EscRotation {name}", err=wait)
    if waiting:
        follow_rotation(session, name, waiting, is_terminal=sys.stderr.isatty())


def _choice(  # noqa: PLR0913, PLR0917 - each is an option of its own
    namespaces: tuple[str, ...],
    namespace_selector: str | None,
    labels: str | None,
    provider: str | None,
    organization: str | None,
    role: str | None,
) -> dict[str, Any]:
    """The selector of the options; empty if none of them is given."""
    if organization and provider not in {None, PULUMI}:
        raise click.UsageError(NO_ORGANIZATIONS)
    return {
        **({"namespaces": list(namespaces)} if namespaces else {}),
        **({"namespaceSelector": parse_label_selector(namespace_selector)} if namespace_selector else {}),
        **(parse_label_selector(labels) if labels else {}),
        **({"provider": provider} if provider else {}),
        **({"organization": organization} if organization else {}),
        **({"role": role} if role else {}),
    }


def _only(namespaces: tuple[str, ...]) -> str:
    """The namespace of a reference, "" if none is given."""
    if len(namespaces) > 1:
        raise click.UsageError("one environment is in one namespace: give -n once")
    return "".join(namespaces)


def _rotate_one(  # noqa: PLR0913 - what the command was given
    outside: Outside, text: str, place: Place, waiting: Waiting | None, *, dry_run: bool, pulumi_rotators: bool
) -> None:
    reference = place.complete(parse_reference(text))
    if not place.context and is_cloud(url := backend_url("", outside)):
        raise ConfigurationError(
            f"{reference} is an environment of {url}, and esc rotates those of clusters: run pulumi env rotate, or "
            "name a context of your kubeconfig with --context"
        )
    session, namespace = _session(outside, reference.organization)
    found = reference.within(namespace)
    _refuse_version(found)
    key = key_of(found.full_name, namespace)
    if dry_run:
        read_existing(session, key)
        click.echo(key.full_name)
        return
    rotate_one(session, key, waiting, pulumi_rotators=pulumi_rotators)


def _refuse_version(reference: Reference) -> None:
    if reference.version:
        raise ConfigurationError(f'"{reference}": a cluster stores no versions; leave "@{reference.version}" out')


def _session(outside: Outside, context: str) -> tuple[ClusterSession, str]:
    """A session with the cluster of a context, or of the login, and the default namespace. Raises EscError."""
    if not context:
        url = backend_url("", outside)
        if not url.startswith(CLUSTER):
            raise ConfigurationError(
                f"environments come from {url}, but only a cluster rotates them: run esc login kubernetes://CONTEXT, "
                "or name a context with --context"
            )
        context = url.removeprefix(CLUSTER)
    contexts = read_contexts(outside.settings)
    chosen = contexts.resolve(context)
    return outside.open_session(chosen), contexts.namespaces[chosen]
