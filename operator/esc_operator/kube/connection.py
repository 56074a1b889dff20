"""The connection to an API server, whose credentials are renewed while it lives: the asynchronous transport's part.

Knows no kubeconfig and no pod: whoever makes it says how its credentials are read again.
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
"""Requests under way at once, watches among them; more only queue up in the API server."""

LOOK_SECONDS = 10.0
"""So often it is looked whether a file has changed; the kubelet renews a token well ahead of its expiry."""
REREAD_SECONDS = 2.0
"""Between two readings because of refusals: many requests may be refused at once, and to read may run a program."""


@dataclass(frozen=True, slots=True, repr=False)
class Present:
    """What a request is sent with. A connection that is kept for the next request is used only by those with the same
    `tls`, so none is used beyond its credentials."""

    authorization: str
    tls: ssl.SSLContext


class Connection:
    """Where an API server is, and the newest credentials for it. Belongs to one event loop.

    The place is that of the start for good; credentials are read again by `reread` when a file has changed, and when
    they are refused. What cannot be read is told, and those from before are kept. Raises ConfigurationError where the
    first credentials are none.
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
        """What to send the next request with."""
        if self._reread and self._clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._clock()
            if _state(self.config.credentials.files) != self._state_of_files:
                async with self._turn:
                    await self._read_again()
        return self._present

    def snapshot(self) -> Present:
        """The same without a look at the files."""
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
        state = _state(self.config.credentials.files)
        try:
            self._take_over(await self._reread(), state)
        except (ConfigurationError, OSError, ValueError) as error:  # half of a new pair may be there already
            self._tell(error.message if isinstance(error, ConfigurationError) else type(error).__name__)

    def _take_over(self, fresh: ClientConfig, state: FileStates) -> None:
        """`state` is that of the files before they were read."""
        if fresh.server != self.server:
            raise ConfigurationError(f"they are for {fresh.server} now, which takes a restart")
        old = self.config.credentials
        if fresh.credentials != old:
            self._present = self._make(fresh.credentials)
            logger.info("The credentials for the API server have changed, and were read again.")
        self._state_of_files = state if fresh.credentials.files == old.files else _state(fresh.credentials.files)
        self.config, self._told = replace(self.config, credentials=fresh.credentials), ""

    def _make(self, credentials: Credentials) -> Present:
        return Present(credentials.authorization, make_tls(credentials, insecure=self.config.insecure))

    def _tell(self, why: str) -> None:
        if why != self._told:
            self._told = why
            logger.warning(
                "The credentials for the API server could not be read again: %s. Those from before stay.", why
            )


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
