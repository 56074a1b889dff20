"""Our own output, complete even where another process has made it non-blocking.

`O_NONBLOCK` belongs to the open file, not to a process: any process that shares a pipe or a terminal with us may set
it, at any time. Python then drops what does not fit. We wait instead, and never clear the flag, which is not ours.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(ConfigurationError):
    """Our output cannot be written; without a reader it is a BrokenPipeError instead."""

    default_reason = "OutputFailed"


def write_all(descriptor: int, data: memoryview) -> None:
    """Write everything, however often the descriptor is full. Raises OSError."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            wait_for_room(descriptor)


def wait_for_room(descriptor: int) -> None:
    """Wait until a descriptor takes more."""
    import select

    select.select((), (descriptor,), ())


def make_output_patient() -> None:
    """Give the process a stdout and a stderr that wait for room. One that is closed stays so."""
    if sys.stdout is not None:
        sys.stdout = _patient(sys.stdout)
    if sys.stderr is not None:
        sys.stderr = _patient(sys.stderr)


def _patient(stream: TextIO) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_PatientFile(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )


class _PatientFile(io.FileIO):
    def write(self, data: ReadableBuffer) -> int:
        try:
            while (count := super().write(data)) is None:
                wait_for_room(self.fileno())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"the output cannot be written: {error.strerror}") from error
        return count
