"""Which API server, and as whom: a kubeconfig's context that was named, or the pod's own ServiceAccount.

Never a context by accident: without `--kubeconfig` or `--context` a process outside a cluster has nothing to act on.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError
from esc_operator.kube.client_config import ClientConfig, Credentials, bearer
from esc_operator.kube.connection import Connection
from esc_operator.kube.kubeconfig import current_context, read_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


async def read_connection(
    kubeconfig: str | None, context: str | None, environ: Mapping[str, str] = os.environ
) -> Connection:
    """From a kubeconfig if a file or a context is named, else from the pod. Raises ConfigurationError."""
    try:
        if kubeconfig or context:
            return await from_kubeconfig(kubeconfig, context, environ)
        return in_cluster(environ)
    except (ConfigurationError, OSError) as error:
        why = error.message if isinstance(error, ConfigurationError) else error
        raise ConfigurationError(
            f"no cluster to work on: {why}. Inside a cluster a ServiceAccount is needed; outside, name a cluster "
            "with --kubeconfig FILE or --context NAME."
        ) from error


async def from_kubeconfig(files: str | None, context: str | None, environ: Mapping[str, str]) -> Connection:
    """`files` as in `read_kubeconfig`. Raises ConfigurationError."""
    # The name that was current at the start stays: another one would be another cluster.
    name = context or current_context(files, environ)

    async def read() -> ClientConfig:
        # A program that logs in takes its time, which the loop has not.
        return await asyncio.to_thread(read_kubeconfig, files, name, environ)

    return Connection(await read(), reread=read)


def in_cluster(environ: Mapping[str, str], account: Path = ACCOUNT) -> Connection:
    """From where Kubernetes puts it for every pod. Raises ConfigurationError and OSError."""

    async def reread() -> ClientConfig:
        return _read_account(environ, account)

    return Connection(_read_account(environ, account), reread=reread)


def _read_account(environ: Mapping[str, str], account: Path) -> ClientConfig:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigurationError("this process is in no cluster (KUBERNETES_SERVICE_HOST is not set)")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    authority, token = account / "ca.crt", account / "token"
    credentials = Credentials(authority.read_text(), authorization=bearer(token.read_text()), files=(authority, token))
    return ClientConfig(server, credentials)
