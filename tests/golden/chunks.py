"""Golden diagnostics: definitions in which every line that is wrong says so.

A file holds cases, parted by lines of `=`. A case begins with `# its title`, may name its mode in a line `#mode check`,
and may hold further environments behind lines `----- name`. What is expected stands on the line it is expected at:
`#! error: the summary`, with `@begin-end` columns before the severity where they matter; several are parted by ` #! `.
A line that begins with `#!!` expects a diagnostic without a range. What is missing and what is unexpected both fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "diagnostics"
_EXPECTATION = re.compile(r"#!(!?) *(?:@(\d+)-(\d+) )?(error|warning): (.*?)(?= #! |$)")


class Expected(NamedTuple):
    """A diagnostic: environment and line (empty and 0 without a range), columns where they matter."""

    environment: str
    line: int
    severity: str
    summary: str
    columns: tuple[int, int] | None = None


@dataclass
class Chunk:
    """A case: its environments' texts by name, the root under `root`, and all that is expected."""

    title: str
    mode: str = "open"
    texts: dict[str, str] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)


def read_chunks() -> list[Chunk]:
    return [
        _read_chunk(f"{path.stem}: ", text)
        for path in sorted(FOLDER.glob("*.txt"))
        for text in re.split(r"(?m)^=+\n", path.read_text())
        if text.strip()
    ]


def _read_chunk(prefix: str, text: str) -> Chunk:
    lines = text.splitlines(keepends=True)
    chunk = Chunk(prefix + lines[0].strip("# \n"))
    name = "root"
    for line in lines[1:]:
        if line.startswith("-----"):
            name = line.strip("- \n")
        elif line.startswith("#mode "):
            chunk.mode = line.split()[1]
        else:
            chunk.texts[name] = chunk.texts.get(name, "") + line
            chunk.expected += _expectations(name, chunk.texts[name].count("\n"), line)
    return chunk


def _expectations(name: str, number: int, line: str) -> list[Expected]:
    found = []
    for nowhere, begin, end, severity, summary in _EXPECTATION.findall(line.rstrip("\n")):
        columns = (int(begin), int(end)) if begin else None
        place = ("", 0) if nowhere else (name, number)
        found.append(Expected(*place, severity, summary.strip(), columns))
    return found
