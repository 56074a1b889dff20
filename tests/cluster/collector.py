"""An OpenTelemetry collector on loopback: takes spans by OTLP/HTTP, decodes their protobuf, and keeps them."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class SpanSeen:
    name: str
    attributes: dict[str, object]
    span: bytes
    parent: bytes
    service: str


class Collector:
    """Lasts as long as its `with` block. `url` is what OTEL_EXPORTER_OTLP_ENDPOINT has to be."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def text(self) -> str:
        """All that has come, as it came: strings stand in protobuf as they are."""
        return b"".join(self._bodies).decode("latin-1")

    def spans(self) -> list[SpanSeen]:
        return [span for body in list(self._bodies) for span in _decode(body)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bodies = self._bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/x-protobuf":
                    self.send_error(404)
                    return
                bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _decode(body: bytes) -> list[SpanSeen]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        SpanSeen(
            span.name,
            {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes},
            span.span_id,
            span.parent_span_id,
            next(one.value.string_value for one in part.resource.attributes if one.key == "service.name"),
        )
        for part in request.resource_spans
        for scope in part.scope_spans
        for span in scope.spans
    ]
