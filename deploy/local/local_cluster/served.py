"""The life of a server that a test or a show starts as a child: within a `with` block, and nothing left after it."""

import subprocess
from types import TracebackType
from typing import Self


class Served:
    """Something that starts and stops. What a failed start has left is stopped as well."""

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let it end by itself, and kill it after that many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
