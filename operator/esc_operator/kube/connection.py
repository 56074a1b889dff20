"""The connection to an API server, with credentials that are renewed while it lives, for the asynchronous transport.

Knows neither kubeconfigs nor pods: its creator passes a function that reads the credentials again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from esc_operator.errors import ConfigurationError
from esc_operator.kube.tls import make_tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from esc_operator.kube.client_config import ClientConfig, Credentials

    FileStates = list[tuple[int, int, int] | None]

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 40
"""Concurrent requests, including watches; more would only queue in the API server."""

LOOK_SECONDS = 10.0
"""How often files are checked for changes; the kubelet renews a token well ahead of its expiry."""
REREAD_SECONDS = 2.0
"""Between two reads after refusals: many requests may be refused at once, and reading may run a program."""


@dataclass(frozen=True, slots=True, repr=False)
class Present:
    """The credentials of a request. Connections are reused only by requests with the same `tls`, so none outlives its
    credentials."""

    authorization: str
    tls: ssl.SSLContext


class Connection:
    """An API server's address, and the newest credentials for it. Belongs to one event loop.

    The address never changes; `reread` reads the credentials again when a file has changed, and when they are refused.
    A failure to read them is logged, and the old ones stay. Raises ConfigurationError if the first credentials are
    invalid.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        reread: Callable[[], Awaitable[ClientConfig]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._reread = reread
        self._clock = clock
        self._present = self._make(config.credentials)
        self._state_of_files = _state(config.credentials.files)
        self._looked_at = clock()
        self._reread_at = -float("inf")
        self._told = ""
        self._turn = asyncio.Lock()

    @property
    def server(self) -> str:
        return self.config.server

    async def present(self) -> Present:
        """The credentials for the next request."""
        if self._reread and self._clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._clock()
            if _state(self.config.credentials.files) != self._state_of_files:
                async with self._turn:
                    await self._read_again()
        return self._present

    def snapshot(self) -> Present:
        """The same without checking the files."""
        return self._present

    async def is_renewed(self, refused: Present) -> bool:
        """Read the credentials again; returns whether they differ from the refused ones.

        If many requests are refused at once, one of them reads.
        """
        async with self._turn:
            if refused is self._present and self._clock() - self._reread_at >= REREAD_SECONDS:
                await self._read_again()
            return refused is not self._present

    async def _read_again(self) -> None:
        if self._reread is None:
            return
        self._reread_at = self._clock()
        state = _state(self.config.credentials.files)
        try:
            self._take_over(await self._reread(), state)
        except (ConfigurationError, OSError, ValueError) as error:  # only half of a new pair may be written
            self._log(error.message if isinstance(error, ConfigurationError) else type(error).__name__)

    def _take_over(self, fresh: ClientConfig, state: FileStates) -> None:
        """`state` is that of the files before the read."""
        if fresh.server != self.server:
            raise ConfigurationError(f"they are for {fresh.server} now: restart the operator")
        old = self.config.credentials
        if fresh.credentials != old:
            self._present = self._make(fresh.credentials)
            logger.info("The credentials for the API server have changed: using the new ones.")
        self._state_of_files = state if fresh.credentials.files == old.files else _state(fresh.credentials.files)
        self.config, self._told = replace(self.config, credentials=fresh.credentials), ""

    def _make(self, credentials: Credentials) -> Present:
        return Present(credentials.authorization, make_tls(credentials, insecure=self.config.insecure))

    def _log(self, why: str) -> None:
        if why != self._told:
            self._told = why
            logger.warning("The credentials for the API server could not be read again: %s. Keeping the old ones.", why)


def _state(files: Iterable[Path]) -> FileStates:
    """A file's identity and times, to detect that it was replaced; follows links, since the kubelet swaps these."""
    found: FileStates = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return found
