"""The table: attempt, who tries it, who has refused it, and the message that was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.attempt import Attempt, Verdict

LONGEST = 240


def draw(rows: Iterable[tuple[Attempt, Verdict]]) -> str:
    found = list(rows)
    cells = [("attempt", "who", "refused by", "told")]
    cells += [(one.name, one.who, _by(one, verdict), _short(verdict.told)) for one, verdict in found]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in cells
    ]
    bad = [one.name for one, verdict in found if not verdict.good]
    controls = sum(one.allowed for one, _ in found)
    lines += [
        "",
        f"{len(found) - controls} attempts and {controls} that have to succeed; not as it has to be: {len(bad)}",
    ]
    return "\n".join([*lines, *(f"  {name}" for name in bad)])


def _by(one: Attempt, verdict: Verdict) -> str:
    if not verdict.good:
        return "NOT AS IT HAS TO BE"
    return "(allowed)" if one.allowed else verdict.by


def _short(told: str) -> str:
    told = told.encode("unicode_escape").decode()
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"
