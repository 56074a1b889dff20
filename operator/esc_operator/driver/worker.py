"""The worker of an evaluation: while the evaluation waits, it is released and does other work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class Worker(Protocol):
    def away(self) -> AbstractAsyncContextManager[None]:
        """A context for waiting: it ends when a worker is free to continue."""


class OwnWorker:
    """The worker of a process that opens one environment: it has no other work."""

    def away(self) -> AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()
