"""A wall clock of the operator's own, by libfaketime: it can be moved while the operator runs.

Only the wall clock: what waits by the monotonic clock waits as it always does.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from local_cluster import debian

_LIBRARIES = ("usr/lib/*-linux-gnu/faketime/libfaketimeMT.so.1", "usr/lib*/faketime/libfaketimeMT.so.1")


def find_library() -> Path:
    """The library: the machine's own, or out of Debian's package."""
    found = _found_below(Path("/"))
    if found is None and debian.is_available():
        found = _found_below(debian.unpacked("libfaketime"))
    assert found, "the clock can be moved only where libfaketime is, or Debian's packages can be fetched"
    return found


def _found_below(root: Path) -> Path | None:
    return next((path for pattern in _LIBRARIES for path in sorted(root.glob(pattern))), None)


class Clock:
    """How far the clock is off, in a file that the library reads each time it is asked for the time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_back()

    @property
    def settings(self) -> dict[str, str]:
        """For the environment of a process."""
        return {
            "LD_PRELOAD": str(find_library()),
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
