"""The metrics and traces of one call of a provider: whether it was made, how long it took, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from esc_operator.evaluation import Failed, Opened, Rotated

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from esc_operator.telemetry import Telemetry

T = TypeVar("T")


class CallReport:
    """Reports one call to metrics and traces; a context around it.

    `provider` is the name of an installed one when anything is reported; `kept`: the call opens credentials that exist
    already, such as the state of a rotator.
    """

    def __init__(self, telemetry: Telemetry, provider: str, *, kept: bool) -> None:
        self._telemetry = telemetry
        self._provider = provider
        self._kept = kept
        self._span = telemetry.tracer.span("open")
        self._began: float | None = None

    def __enter__(self) -> Self:
        self._span.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._span.__exit__(kind, error, trace)

    @property
    def has_begun(self) -> bool:
        """Whether the call was made."""
        return self._began is not None

    async def call(self, call: Awaitable[T]) -> T:
        """Make the call, whose turn has come."""
        self._began = self._telemetry.clock()
        return await call

    def settle(self, outcome: object) -> None:
        """Report the result."""
        meter = self._telemetry.meter
        reason = outcome.reason if isinstance(outcome, Failed) else ""
        self._span.note(provider=self._provider, called=self._began is not None)
        if reason:
            self._span.fail(reason)
        if self._began is None:
            meter.held_back(self._provider)
            return
        meter.called(self._provider, self._telemetry.clock() - self._began, reason)
        granted = isinstance(outcome, Opened) and outcome.lease is not None and not self._kept
        if granted or isinstance(outcome, Rotated):
            meter.minted(self._provider)
