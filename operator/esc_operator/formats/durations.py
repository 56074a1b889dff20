"""Durations as Go and Kubernetes write them (`1h30m`, `90s`, `1.5h`, `250ms`), with days (`1d`, `1d12h`), and as ISO
8601 does (`PT1H30M`, `P1D`)."""

from __future__ import annotations

import re
from datetime import timedelta

# The numbers of digits keep every duration within what Go's type holds: the API server computes with it.
_FRACTION = r"([.][0-9]{1,9})?"
_CLOCK = rf"([0-9]{{1,9}}{_FRACTION}(ms|s)|[0-9]{{1,7}}{_FRACTION}m|[0-9]{{1,5}}{_FRACTION}h)"
_GO = rf"([1-9][0-9]{{0,4}}d)?{_CLOCK}*"
_ISO = r"P([1-9][0-9]{0,4}D)?(T([0-9]{1,5}H)?([0-9]{1,7}M)?([0-9]{1,9}S)?)?"

PATTERN = f"^({_GO}|{_ISO})$"
"""What `parse_duration` reads, if there is a digit in it; RE2 and Python read the pattern alike."""

EXAMPLES = "45m, 1h30m, 90s or 1d"

_PART = re.compile(r"([0-9]+(?:[.][0-9]+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(PATTERN)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> timedelta:
    """Read a duration. Raises ValueError with a message for people."""
    # match would accept a line break at the end
    if not (_WHOLE.fullmatch(text) and re.search("[0-9]", text)):
        raise ValueError(f'"{text}" is not a duration: write it like {EXAMPLES}')
    parts = _PART.findall(text.lower() if text.startswith("P") else text)
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


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
