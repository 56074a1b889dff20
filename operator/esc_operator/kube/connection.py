"""How the API server is reached: a kubeconfig's context that was named, or the pod's own ServiceAccount.

Never a context by accident: without `--kubeconfig` or `--context` a process outside a cluster has nothing to act on.
Importing it does not import the Kubernetes client, which alone would more than double the operator's memory: that is
asked only to read a kubeconfig of a kind that is rare for an operator (`kube.foreign_kubeconfig`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    FileStates = list[tuple[int, int, int] | None]

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 40
"""Requests under way at once, watches among them; more only queue up in the API server."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LOOK_SECONDS = 10.0
"""So often it is looked whether a file has changed; the kubelet renews a token well ahead of its expiry."""
REREAD_SECONDS = 2.0
"""Between two readings because of refusals: many requests may be refused at once, and to read may run a program."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """As whom an API server is asked, and how it is known, as read at one moment.

    `authority`, `certificate` and `key` are PEM; without an authority the system's are trusted. `authorization` is the
    value of that header, "" where the certificate says it all. `files` are all that it was read from.
    """

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    authorization: str = ""
    files: tuple[Path, ...] = ()


NOBODY = Credentials()


@dataclass(frozen=True, slots=True, repr=False)
class Present:
    """What a request is sent with. A connection that is kept for the next request is used only by those with the same
    `tls`, so none is used beyond its credentials."""

    authorization: str
    tls: ssl.SSLContext


class Connection:
    """Where an API server is, and the newest credentials for it. Belongs to one event loop.

    The place is that of the start for good; credentials are read again by `reread` when a file has changed, and when
    they are refused. What cannot be read is told, and those from before are kept.
    """

    def __init__(  # noqa: PLR0913 - the parts of a connection
        self,
        server: str,
        credentials: Credentials = NOBODY,
        *,
        insecure: bool = False,
        server_name: str | None = None,
        proxy: str | None = None,
        reread: Callable[[], Awaitable[Connection]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self.insecure = insecure
        self.server_name = server_name
        self.proxy = proxy
        self.credentials = credentials
        self._reread = reread
        self._clock = clock
        self._present: Present | None = None
        self._state_of_files = _state(credentials.files)
        self._looked_at = clock()
        self._reread_at = -float("inf")
        self._told = ""
        self._turn = asyncio.Lock()

    async def present(self) -> Present:
        """What to send the next request with."""
        if self._reread and self._clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._clock()
            if _state(self.credentials.files) != self._state_of_files:
                async with self._turn:
                    await self._read_again()
        return self.snapshot()

    def snapshot(self) -> Present:
        """The same without a look at the files."""
        if self._present is None:
            self._present = Present(self.credentials.authorization, make_tls(self.credentials, insecure=self.insecure))
        return self._present

    async def is_renewed(self, refused: Present) -> bool:
        """Whether there are other credentials than those that were refused, which is found out by reading them again.

        Of many that are refused at once, one reads.
        """
        async with self._turn:
            if refused is self._present and self._clock() - self._reread_at >= REREAD_SECONDS:
                await self._read_again()
            return refused is not self._present

    async def _read_again(self) -> None:
        if self._reread is None:
            return
        self._reread_at = self._clock()
        state = _state(self.credentials.files)
        try:
            self._take_over(await self._reread(), state)
        except (ConfigurationError, OSError, ValueError) as error:  # half of a new pair may be there already
            self._tell(error.message if isinstance(error, ConfigurationError) else type(error).__name__)

    def _take_over(self, fresh: Connection, state: FileStates) -> None:
        """`state` is that of the files before they were read."""
        if fresh.server != self.server:
            raise ConfigurationError(f"they are for {fresh.server} now, which takes a restart")
        if fresh.credentials != self.credentials:
            self._present = fresh.snapshot()
            logger.info("The credentials for the API server have changed, and were read again.")
        same = fresh.credentials.files == self.credentials.files
        self._state_of_files = state if same else _state(fresh.credentials.files)
        self.credentials, self._told = fresh.credentials, ""

    def _tell(self, why: str) -> None:
        if why != self._told:
            self._told = why
            logger.warning(
                "The credentials for the API server could not be read again: %s. Those from before stay.", why
            )


def make_tls(credentials: Credentials, *, insecure: bool = False) -> ssl.SSLContext:
    """Raises OSError (SSLError) where a certificate is none, or does not belong to its key."""
    context = ssl.create_default_context(cadata=credentials.authority)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials.certificate and credentials.key:
        with _file(f"{credentials.certificate}\n{credentials.key}\n") as both:
            context.load_cert_chain(both)
    return context


@contextmanager
def _file(text: str) -> Iterator[str]:
    """The path of a text, as a key can be read from nothing else; in memory, where the system has such files."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("key"), "w") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile("w") as named:
        named.write(text)
        named.flush()
        yield named.name


def _state(files: Iterable[Path]) -> FileStates:
    """By which a file that was replaced differs from the one before: through links, as the kubelet swaps these."""
    found: FileStates = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return found


async def read_connection(kubeconfig: str | None, context: str | None) -> Connection:
    """From a kubeconfig if a file or a context is named, else from the pod. Raises ConfigurationError."""
    from esc_operator.kube.kubeconfig import read_kubeconfig

    try:
        connection = await (read_kubeconfig(kubeconfig, context) if kubeconfig or context else in_cluster(os.environ))
        connection.snapshot()
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
    authority, token = account / "ca.crt", account / "token"
    credentials = Credentials(authority.read_text(), authorization=bearer(token.read_text()), files=(authority, token))
    return Connection(server, credentials, reread=partial(in_cluster, environ, account))


def bearer(token: str | None) -> str:
    """The value of the header for a token; "" for none."""
    return f"Bearer {token.strip()}" if token and token.strip() else ""
