"""The filters between a command's output and ours. Imported once the command runs, so as not to delay its start."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from esc_operator.cli.output import write_all
from esc_operator.cli.redaction import Redactor

if TYPE_CHECKING:
    from esc_operator.cli.redaction import Matcher

_CHUNK = 1 << 16


class Filter(threading.Thread):
    """Copies a source to a descriptor of ours, to its end, and redacts secrets on the way."""

    def __init__(self, source: int, descriptor: int, secrets: Matcher) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._descriptor = descriptor
        self._redactor = Redactor(secrets)
        self.done = False

    def run(self) -> None:
        try:
            self.copy()
        finally:
            # If our output has no reader any more, the command notices as it would without us: by SIGPIPE.
            os.close(self._source)
            self.done = True
            # Wakes the main thread, which waits for signals only.
            os.kill(os.getpid(), signal.SIGCHLD)

    def copy(self) -> None:
        try:
            while chunk := os.read(self._source, _CHUNK):
                write_all(self._descriptor, self._redactor.feed(chunk))
            write_all(self._descriptor, self._redactor.finish())
        except OSError as error:
            # It has no reader, or it was closed when we started: the command's own affair.
            if error.errno not in {errno.EPIPE, errno.EBADF}:
                sys.stderr.write(f"Warning: the command's output cannot be written: {error.strerror}\n")
