"""Durations as Go and Kubernetes write them: `1h30m`, `90s`, `1.5h`, `250ms`."""

from __future__ import annotations

import re
from datetime import timedelta

PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
"""The CRD's pattern; `parse_duration` accepts the same."""

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_WHOLE = re.compile(PATTERN)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> timedelta:
    """Read a duration. Raises ValueError with a message for people."""
    if not _WHOLE.fullmatch(text):  # match would accept a line break at the end
        raise ValueError(f'"{text}" is not a duration: write it like 45m, 1h30m or 90s')
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def format_duration(duration: timedelta) -> str:
    """The two largest units of a duration, for people: `1h5m`, `12m`, `40s`."""
    seconds = max(0, int(duration.total_seconds()))
    units = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
