"""What a process has used, as the kernel counts it (Linux)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """`cpu_seconds` of all its threads, in user and kernel; memory as resident set size, now and at its highest."""

    cpu_seconds: float
    rss_mb: float
    peak_rss_mb: float


def read_usage(pid: int) -> Usage:
    # The name of the program, in parentheses, may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, _megabytes(status["VmRSS"]), _megabytes(status["VmHWM"]))


def _megabytes(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) / 1024
