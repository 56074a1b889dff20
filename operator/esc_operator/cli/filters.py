"""The filters between a command's output and ours. Imported once the command runs: its start need not wait for this."""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import TYPE_CHECKING

from esc_operator.cli.redaction import Redactor

if TYPE_CHECKING:
    from esc_operator.cli.redaction import Matcher

_CHUNK = 1 << 16


class Filter(threading.Thread):
    """Copies what arrives at a source to a descriptor of ours, with the secrets taken out, to its end."""

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
            # Where nobody reads our output any more, the command learns it as it would without us: by SIGPIPE.
            os.close(self._source)
            self.done = True
            # Wakes the main thread, which waits for nothing but signals.
            os.kill(os.getpid(), signal.SIGCHLD)

    def copy(self) -> None:
        try:
            while chunk := os.read(self._source, _CHUNK):
                _write_all(self._descriptor, self._redactor.feed(chunk))
            _write_all(self._descriptor, self._redactor.finish())
        except OSError:
            return


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # Somebody with whom we share the output has made it non-blocking, for all of us.
            select.select((), (descriptor,), ())
