"""Options that mean the same for every command that has them; a test holds all commands to these.

`-n` and `--context` say where, as for kubectl; `-o` and `-f` say in which form, as for kubectl and for Pulumi's `esc`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from esc_operator.cli.usage import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONTEXT = ("--context",)
NAMESPACE = ("-n", "--namespace")
OUTPUT = ("-o", "--output", "-f", "--format")

_NAMESPACE_HELP = "The namespace of a REFERENCE that names none; in a folder, the project."


def context_option(*more: str) -> Callable[[Any], Any]:
    """`more`: further spellings."""
    return click.option(
        *CONTEXT, *more, "context", default="", metavar="NAME", help="The context of your kubeconfig for the cluster."
    )


def namespace_option(*more: str, help: str = _NAMESPACE_HELP, multiple: bool = False) -> Callable[[Any], Any]:  # noqa: A002 - click's name for it
    """`more`: further spellings."""
    name = "namespaces" if multiple else "namespace"
    default = None if multiple else ""
    return click.option(*NAMESPACE, *more, name, default=default, metavar="NAME", multiple=multiple, help=help)


def output_option(forms: Sequence[str], default: str, help: str, note: str = "") -> Callable[[Any], Any]:  # noqa: A002 - as above
    """`note`: what else a wrong choice may have been meant for."""
    return click.option(*OUTPUT, "form", type=Choice(forms, note), default=default, show_default=True, help=help)
