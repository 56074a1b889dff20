"""The port: a meter, a tracer, and the clock that measures durations."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Meter:
    """Records what has happened; this one does nothing. All durations are seconds.

    `provider` is the name of an installed one, `reason` a CamelCase word, `result` one of a few fixed words.
    """

    def requested(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """A request to the API server; `code` is that of its answer, or `none` without an answer."""

    def called(self, provider: str, seconds: float, reason: str = "") -> None:
        """A call of a provider and its duration; `reason` says why it failed, if it did."""

    def held_back(self, provider: str) -> None:
        """A provider was not called: it is paused, or the call had no turn in time."""

    def minted(self, provider: str) -> None:
        """A provider has issued something that expires."""

    def skewed(self, provider: str, seconds: float) -> None:
        """How far a provider's clock is ahead of ours."""

    def worked(self, seconds: float, result: str) -> None:
        """A reconciliation of an environment: `done`, `refused` by the API server, or `crashed`."""

    def synced(self, cause: str, result: str, late: float | None) -> None:
        """A sync of an environment's Secret: `filled` or `refused`.

        `late`: how late the refresh was done; None if none was due.
        """

    def write_failed(self, resource: str, reason: str) -> None:
        """A write of an environment's Secret, status or workload was refused or failed; or a read before it."""

    def stamped(self) -> None:
        """A workload's pod template was changed, so that its pods are replaced."""

    def rolled_out(self, result: str, seconds: float | None = None) -> None:
        """A rollout's duration and result: `completed`, `stuck`, `blocked`, `refused` or `reverted`."""

    def rotated(self, result: str, seconds: float, succeeded: int, failed: int) -> None:
        """The end of an EscRotation's run: its result (`succeeded`, `failed`, `stopped`), its duration, and how many
        environments have new values or not."""


class Span:
    """A traced piece of work; a context around it. This one does nothing."""

    __slots__ = ()

    def note(self, **attributes: str | float | bool) -> None:
        """Add attributes."""

    def fail(self, reason: str) -> None:
        """Mark it as failed. An exception that leaves the context is recorded by its type only."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


_NO_SPAN = Span()


class Tracer:
    """Starts spans, each inside that of its task. This one does nothing."""

    def span(self, name: str, **attributes: str | float | bool) -> Span:
        return _NO_SPAN


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The telemetry of a layer. `clock` counts seconds from an arbitrary start, and is monotonic."""

    meter: Meter = field(default_factory=Meter)
    tracer: Tracer = field(default_factory=Tracer)
    clock: Callable[[], float] = time.monotonic


SILENT = Telemetry()
"""Records nothing."""
