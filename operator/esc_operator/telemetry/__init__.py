"""What the layers report of their work, for metrics and traces: a small port that does nothing by default.

Owns the vocabulary of these reports. It knows no library of metrics or traces, does no I/O and stores nothing.
Invariant: no argument holds a secret, nor a text that the author of an environment chooses.
"""

from esc_operator.telemetry.port import SILENT, Meter, Span, Telemetry, Tracer

__all__ = ["SILENT", "Meter", "Span", "Telemetry", "Tracer"]
