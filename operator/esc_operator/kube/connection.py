"""How the API server is reached: a kubeconfig's context that was named, or the pod's own ServiceAccount.

Never a context by accident: without `--kubeconfig` or `--context` a process outside a cluster has nothing to act on.
Importing it does not import the Kubernetes client, which alone would more than double the operator's memory: that is
asked only to read a kubeconfig of a kind that is rare for an operator (`kube.foreign_kubeconfig`).
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

MAX_CONNECTIONS = 40
"""Requests under way at once, watches among them; more only queue up in the API server."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_KEPT = timedelta(minutes=1)
"""The kubelet renews a token in its file well ahead of expiry; so often it is read again."""


async def anonymous() -> str:
    return ""


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """Where an API server is, how it is known and as whom it is asked.

    `authority`, `certificate` and `key` are PEM; without an authority the system's are trusted. `authorization` answers
    the present value of that header, "" where the certificate says it all.
    """

    server: str
    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False
    server_name: str | None = None
    proxy: str | None = None
    authorization: Callable[[], Awaitable[str]] = anonymous

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            with tempfile.NamedTemporaryFile("w") as both:  # it can only be read from a file
                both.write(f"{self.certificate}\n{self.key}\n")
                both.flush()
                context.load_cert_chain(both.name)
        return context


def utc_now() -> datetime:
    return datetime.now(UTC)


class TokenFile:
    """The token in a file that somebody renews, as the header's value."""

    def __init__(self, path: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._path = path
        self._now = now
        self._read_at = datetime.min.replace(tzinfo=UTC)
        self._value = ""

    async def __call__(self) -> str:
        """Raises OSError where it cannot be read for the first time."""
        now = self._now()
        if not self._read_at <= now < self._read_at + TOKEN_KEPT:
            try:
                self._value = f"Bearer {self._path.read_text().strip()}"
            except OSError:
                if not self._value:
                    raise
            self._read_at = now
        return self._value


async def read_connection(kubeconfig: str | None, context: str | None) -> Connection:
    """From a kubeconfig if a file or a context is named, else from the pod. Raises ConfigurationError."""
    from esc_operator.kube.kubeconfig import read_kubeconfig

    try:
        connection = await (read_kubeconfig(kubeconfig, context) if kubeconfig or context else in_cluster(os.environ))
        await connection.authorization()
        connection.tls()
    except (ConfigurationError, OSError) as error:
        why = error.message if isinstance(error, ConfigurationError) else error
        raise ConfigurationError(
            f"no cluster to work on: {why}. Inside a cluster a ServiceAccount is needed; outside, name a cluster "
            "with --kubeconfig FILE or --context NAME."
        ) from error
    return connection


async def in_cluster(environ: Mapping[str, str], account: Path = ACCOUNT) -> Connection:
    """From where Kubernetes puts it for every pod. Raises ConfigurationError and OSError."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigurationError("this process is in no cluster (KUBERNETES_SERVICE_HOST is not set)")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    authority = (account / "ca.crt").read_text()
    return Connection(server, authority, authorization=TokenFile(account / "token"))
