"""Which API server, with which identity: a named context of a kubeconfig, or the pod's own ServiceAccount.

Never a context by accident: outside a cluster it needs `--kubeconfig` or `--context`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError
from esc_operator.kube.client_config import ClientConfig, Credentials, bearer
from esc_operator.kube.connection import Connection
from esc_operator.kube.exec_plugin import Terminal
from esc_operator.kube.kubeconfig import current_context, read_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG = Terminal(is_shown=True, is_interactive=False)
"""What a program that logs in says of its failure stands in the operator's log, as kubectl shows it."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


async def read_connection(
    kubeconfig: str | None,
    context: str | None,
    environ: Mapping[str, str] = os.environ,
    terminal: Terminal = LOG,
) -> Connection:
    """Connect by a kubeconfig if a file or a context is named, else by the pod's. Raises ConfigurationError."""
    try:
        if kubeconfig or context:
            return await from_kubeconfig(kubeconfig, context, environ, terminal)
        return in_cluster(environ)
    except (ConfigurationError, OSError) as error:
        why = error.message if isinstance(error, ConfigurationError) else error
        raise ConfigurationError(
            f"no cluster to work on: {why}. Run the operator in a cluster with a ServiceAccount, or name a cluster "
            "with --kubeconfig FILE or --context NAME."
        ) from error


async def from_kubeconfig(
    files: str | None, context: str | None, environ: Mapping[str, str], terminal: Terminal = LOG
) -> Connection:
    """`files` as in `read_kubeconfig`. Raises ConfigurationError."""
    # The context that was current at the start stays: another one would be another cluster.
    name = context or current_context(files, environ)

    async def read() -> ClientConfig:
        # A program that logs in may take long, and would block the loop.
        return await asyncio.to_thread(read_kubeconfig, files, name, environ, terminal)

    return Connection(await read(), reread=read)


def in_cluster(environ: Mapping[str, str], account: Path = ACCOUNT) -> Connection:
    """Read the files that Kubernetes mounts into every pod. Raises ConfigurationError and OSError."""

    async def reread() -> ClientConfig:
        return _read_account(environ, account)

    return Connection(_read_account(environ, account), reread=reread)


def _read_account(environ: Mapping[str, str], account: Path) -> ClientConfig:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigurationError("this process does not run in a cluster (KUBERNETES_SERVICE_HOST is not set)")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    authority, token = account / "ca.crt", account / "token"
    credentials = Credentials(authority.read_text(), authorization=bearer(token.read_text()), files=(authority, token))
    return ClientConfig(server, credentials)
