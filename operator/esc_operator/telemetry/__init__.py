"""What the layers tell of their work, for metrics and traces: a small port that does nothing unless somebody listens.

Owns the words in which work is told. It knows no library of metrics or traces, does no I/O and keeps nothing.
Invariant: no argument holds a secret, nor a text that the author of an environment chooses.
"""

from esc_operator.telemetry.port import SILENT, Meter, Span, Telemetry, Tracer

__all__ = ["SILENT", "Meter", "Span", "Telemetry", "Tracer"]
