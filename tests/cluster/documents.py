"""What a page tells its reader to type: its code blocks, and the commands within its sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("docker", "esc", "eval", "helm", "kubectl", "make", "pip")


class Block(NamedTuple):
    """A fenced or an indented block. `language` is the fence's word, "" for an indented one."""

    line: int
    section: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.line}: {self.text.strip().splitlines()[0][:40].strip()}"


class Exchange(NamedTuple):
    """A command in a console block, and the output that the page shows."""

    command: str
    output: str


def read_blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text().splitlines()
    section, number = "", 0
    while number < len(lines):
        line = lines[number]
        if fence := re.match(r"(\s*)```(\w*)", line):
            end = next(each for each in range(number + 1, len(lines)) if lines[each].strip() == "```")
            indent = len(fence[1])
            text = "".join(f"{each[indent:]}\n" for each in lines[number + 1 : end])
            yield Block(number + 1, section, fence[2], text)
            number = end
        elif line.startswith("    ") and not lines[number - 1].strip():
            end = next(each for each in range(number, len(lines) + 1) if not _is_indented(lines, each))
            yield Block(number + 1, section, "", "".join(f"{each[4:]}\n" for each in lines[number:end]))
            number = end - 1
        elif line.startswith("#"):
            section = line.lstrip("# ")
        number += 1


def _is_indented(lines: list[str], number: int) -> bool:
    return number < len(lines) and lines[number].startswith("    ")


def commands(text: str) -> list[str]:
    """The commands of a script: a line each, or several that a backslash joins. Comments are left out."""
    joined = text.replace("\\\n", "")
    return [line for each in joined.splitlines() if (line := re.sub(r"(^|\s+)# .*", "", each).strip())]


def exchanges(text: str) -> Iterator[Exchange]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Exchange(command, output)


def inline_commands(page: Path) -> list[str]:
    """The code within sentences and tables that begins like a command, each once, in its order."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    spans = (span.replace("\n", " ").replace("\\|", "|") for span in re.findall(r"`([^`]+)`", prose))
    return list(dict.fromkeys(span for span in spans if re.split(r"[\s…]", span)[0] in PROGRAMS))


def shape(line: str) -> str:
    """A line of output without what is different each time: times, ages, counts, generated names."""
    for pattern, kind in (
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "<time>"),
        (r"\besc-rotate-\w{5}\b", "<name>"),
        (r"(?<!\S)(\d+[smhd])+(?!\S)", "<age>"),
        (r"(?<!\S)\d+/\d+(?!\S)", "<count>"),
        (r"(?<!\S)\d+(?!\S)", "<number>"),
    ):
        line = re.sub(pattern, kind, line)
    return line


def table_rows(text: str) -> list[dict[str, str]]:
    """The rows of a table of kubectl, by its headings: where a column begins, its heading does."""
    head, *rows = text.splitlines()
    starts = [(found[0], found.start()) for found in re.finditer(r"\S+(?: \S+)*", head)]
    ends = [start for _, start in starts[1:]] + [None]
    return [
        {name: shape(row[start:end].strip()) for (name, start), end in zip(starts, ends, strict=True)} for row in rows
    ]
