"""A wall clock of the operator's own, by Debian's libfaketime: it can be moved while the operator runs.

Only the wall clock: what waits by the monotonic clock waits as it always does.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

_LIBRARIES = ("/usr/lib/*-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")


def find_library() -> Path | None:
    return next((path for pattern in _LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))), None)


class Clock:
    """How far the clock is off, in a file that the library reads each time it is asked for the time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_back()

    @property
    def settings(self) -> dict[str, str]:
        """For the environment of a process."""
        library = find_library()
        assert library, "the clock can be moved only where libfaketime is (Debian: apt install faketime)"
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, offset: timedelta) -> None:
        """Let it be off by so much from the true time."""
        staged = self._file.with_suffix(".new")
        staged.write_text(f"{offset.total_seconds():+.0f}\n")
        staged.replace(self._file)

    def set_back(self) -> None:
        self.move(timedelta(0))
