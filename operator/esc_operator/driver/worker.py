"""Who carries an evaluation on: it is let go while the evaluation waits, and does something else meanwhile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class Worker(Protocol):
    def away(self) -> AbstractAsyncContextManager[None]:
        """A context for waiting: left only when a worker has time to go on."""


class OwnWorker:
    """Of a process that opens one environment: there is nothing else to do meanwhile."""

    def away(self) -> AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()
