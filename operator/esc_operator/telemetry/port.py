"""The port: a meter, a tracer, and the clock by which durations are taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Meter:
    """Is told what has happened, and does nothing with it. All durations are seconds.

    `provider` is the name of one that is installed, `reason` a CamelCase word, `result` one of a few words of ours.
    """

    def requested(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """The API server was asked; `code` is that of its answer, or `none` where it gave none."""

    def called(self, provider: str, seconds: float, reason: str = "") -> None:
        """A provider was called, and took so long; `reason` says why it failed, if it did."""

    def held_back(self, provider: str) -> None:
        """A provider was not called: it is out of order and left alone, or it was nobody's turn in time."""

    def minted(self, provider: str) -> None:
        """A provider has given out something that expires."""

    def skewed(self, provider: str, seconds: float) -> None:
        """A provider's clock is so far ahead of ours."""

    def worked(self, seconds: float, result: str) -> None:
        """An environment was looked at: `done`, `refused` by the API server, or `crashed`."""

    def synced(self, cause: str, result: str, late: float | None) -> None:
        """An environment was opened and its Secret brought in line, or not: `filled` or `refused`.

        `late`: how long after a refresh was due it was done; None where none was due.
        """

    def stamped(self) -> None:
        """A workload's pod template was changed, so that its pods are replaced."""

    def rolled_out(self, result: str, seconds: float | None = None) -> None:
        """A rollout has come to its end, after so long: `completed`; or to a stop: `stuck`, `blocked`,
        `refused`, `reverted`."""

    def rotated(self, result: str, seconds: float, succeeded: int, failed: int) -> None:
        """A rotation over many environments has ended, after so long: `succeeded`, `failed`, `stopped`. So many
        environments have new values, and so many have none."""


class Span:
    """A piece of work that is traced; a context around it. Does nothing."""

    __slots__ = ()

    def note(self, **attributes: str | float | bool) -> None:
        """Add attributes."""

    def fail(self, reason: str) -> None:
        """It did not succeed. An exception that leaves the context is told by its type alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


_NO_SPAN = Span()


class Tracer:
    """Begins spans, each inside the one that its task is in. Does nothing."""

    def span(self, name: str, **attributes: str | float | bool) -> Span:
        return _NO_SPAN


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a layer is given. `clock` counts seconds from anywhere, and is not set by anybody."""

    meter: Meter = field(default_factory=Meter)
    tracer: Tracer = field(default_factory=Tracer)
    clock: Callable[[], float] = time.monotonic


SILENT = Telemetry()
"""Nobody listens."""
