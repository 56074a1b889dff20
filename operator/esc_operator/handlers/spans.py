"""The only importer of OpenTelemetry: the tracer that turns the layers' reports into spans, and sends them by
OTLP/HTTP.

Importing it costs a second and 15 MB, so it is imported only if traces are enabled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from esc_operator import __version__
from esc_operator.telemetry import Span, Tracer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from opentelemetry.sdk.trace import SpanProcessor

Attribute = str | float | bool


class OpenTelemetry(Tracer):
    """OpenTelemetry's own environment variables say where spans are sent, and which of them."""

    def __init__(self, environ: Mapping[str, str], processor: SpanProcessor | None = None) -> None:
        named = {} if environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "esc-operator"}
        resource = Resource.create({SERVICE_VERSION: __version__, **named})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        # Sends from a thread of its own, and drops spans that it cannot send.
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("esc_operator", __version__)

    def span(self, name: str, **attributes: Attribute) -> Span:
        return _Traced(self._tracer, name, attributes)

    def close(self) -> None:
        """Send the remaining spans. Blocking."""
        self._provider.shutdown()


class _Traced(Span):
    __slots__ = ("_attributes", "_name", "_span", "_token", "_tracer")

    def __init__(self, tracer: trace.Tracer, name: str, attributes: Mapping[str, Attribute]) -> None:
        self._tracer = tracer
        self._name = name
        self._attributes = attributes

    def __enter__(self) -> Self:
        self._span = self._tracer.start_span(self._name, attributes=_named(self._attributes))
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def note(self, **attributes: Attribute) -> None:
        self._span.set_attributes(_named(attributes))

    def fail(self, reason: str) -> None:
        self._span.set_attribute("esc.reason", reason)
        self._span.set_status(Status(StatusCode.ERROR, reason))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            # Not recorded as OpenTelemetry would: text and traceback may quote a value.
            self.fail(getattr(error, "reason", None) or kind.__name__)
        context.detach(self._token)
        self._span.end()


def _named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {f"esc.{name}": value for name, value in attributes.items()}


def current_ids() -> tuple[str, str] | None:
    """The ids of the current task's trace and span, as OpenTelemetry writes them."""
    found = trace.get_current_span().get_span_context()
    return (trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)) if found.is_valid else None
