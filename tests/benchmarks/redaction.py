"""How fast `esc run` takes secrets out of what a command prints, with 1, 2, 30 and 200 secrets, and a bare pipe.

The same log goes from the pipe of a `cat` to /dev/null through a Filter, as the output of a command does: with each
number of secrets, and by read and write alone, in turn. Speed is by the processor's time of reading, redacting and
writing, which is the time it takes where a core is free; what the wall clock said is printed too. Medians are compared;
how much longer 200 secrets take than 2 is the median of what the turns say. Secrets are of 40 characters of all kinds,
for which there are the most forms. Prints one JSON line a figure, and one a number of secrets.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.cli.filters import Filter
from esc_operator.cli.forms import forms
from esc_operator.cli.redaction import Matcher

if TYPE_CHECKING:
    from collections.abc import Callable

FIGURES = ("redaction_mb_s", "redaction_200_ratio")

FEW, MANY = 2, 200
COUNTS = (1, FEW, 30, MANY)
RUNS = 15
SIZE = 32 << 20
CHUNK = 1 << 16

LINE = (
    '2026-11-29T12:00:{:02d}Z INFO server.request path="/api/v1/things/{}?x=1&y=%20" status=200 took=12.{}ms '
    '{{"user": "bob", "n": [1, 2, {}]}}\n'
)


class Speed(NamedTuple):
    """Megabytes a second, of the processor's time and by the wall clock."""

    processor: float
    wall: float


def log(draw: random.Random) -> bytes:
    """Some hundred kilobytes of a server's log, in which no secret stands."""
    return "".join(
        LINE.format(number % 60, draw.randrange(10**6), draw.randrange(1000), draw.randrange(10**9))
        for number in range(5000)
    ).encode()


def secrets(count: int, draw: random.Random) -> list[str]:
    return [
        "".join(draw.choices(string.ascii_letters + string.digits + string.punctuation, k=40)) for _ in range(count)
    ]


def measure(command: list[str], copy: Callable[[int, int], object]) -> Speed:
    reading, writing = os.pipe()
    sink = os.open(os.devnull, os.O_WRONLY)
    with subprocess.Popen(command, stdout=writing):
        os.close(writing)
        started, used = time.perf_counter(), time.process_time()
        copy(reading, sink)
        speed = Speed(SIZE / (time.process_time() - used) / 1e6, SIZE / (time.perf_counter() - started) / 1e6)
    os.close(reading)
    os.close(sink)
    return speed


def bare(reading: int, sink: int) -> None:
    while chunk := os.read(reading, CHUNK):
        os.write(sink, chunk)


def main(names: list[str]) -> None:
    draw = random.Random(27)
    text = log(draw)
    matchers = {count: Matcher(forms(secrets(count, draw))) for count in COUNTS}
    found: dict[int, list[Speed]] = {count: [] for count in (0, *COUNTS)}
    with tempfile.NamedTemporaryFile() as file:
        file.write((text * (SIZE // len(text) + 1))[:SIZE])
        file.flush()
        command = ["cat", file.name]
        for run in range(RUNS):
            found[0].append(measure(command, bare))
            # Once up, once down: what comes after what is not always the same.
            for count, matcher in sorted(matchers.items(), reverse=run % 2 == 1):
                found[count].append(measure(command, lambda source, sink, of=matcher: Filter(source, sink, of).copy()))  # type: ignore[misc]
    speed = {count: statistics.median(each.processor for each in runs) for count, runs in found.items()}
    for count in COUNTS:
        row = {"secrets": count, "value": round(speed[count]), "of_a_bare_pipe": round(speed[count] / speed[0], 2)}
        print(json.dumps({"figure": "redaction_mb_s", **row, "unit": "MB/s"}))
    print(
        json.dumps({"figure": "redaction_mb_s", "value": round(min(speed[count] for count in COUNTS)), "unit": "MB/s"})
    )
    ratio = statistics.median(few.processor / many.processor for few, many in zip(found[FEW], found[MANY], strict=True))
    print(json.dumps({"figure": "redaction_200_ratio", "value": round(ratio, 2), "unit": f"x time with {FEW} secrets"}))
    walls = {
        count or "bare": f"{statistics.median(each.wall for each in runs):.0f} MB/s" for count, runs in found.items()
    }
    print(json.dumps({"wall clock": walls}), file=sys.stderr)


if __name__ == "__main__":
    main([])
