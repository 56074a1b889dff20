"""Whether traces are made: only if OpenTelemetry's own variables name an endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from esc_operator.handlers import logs
from esc_operator.telemetry import Tracer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

logger = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
FLUSH_SECONDS = 5.0
"""How long a process waits at its end until the last spans are sent."""


@contextlib.asynccontextmanager
async def traced(environ: Mapping[str, str]) -> AsyncGenerator[Tracer]:
    """A tracer for the duration of the context; remaining spans are sent at its end."""
    if not any(environ.get(name) for name in ENDPOINTS):
        yield Tracer()
        return
    try:
        from esc_operator.handlers.spans import OpenTelemetry, current_ids
    except ImportError:
        # A cluster may set these variables in every pod: start all the same.
        logger.warning("No traces: OpenTelemetry is not installed; run pip install 'esc-operator[traces]'")
        yield Tracer()
        return
    tracer = OpenTelemetry(environ)
    logs.add_trace_ids(current_ids)
    try:
        yield tracer
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(tracer.close), FLUSH_SECONDS)
