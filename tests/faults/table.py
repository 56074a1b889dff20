"""The table at the end: fault, runs and their environments, lost, doubled, wrong; and below it what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faults.scenario import Findings

_TOLD = 3
_LONGEST = 400


def draw(findings: Sequence[Findings]) -> str:
    width = max(len(one.fault.name) for one in findings)
    lines = [_row("fault", width, "runs", "environments", "lost", "doubled", "wrong")]
    for one in findings:
        counts = (one.runs, one.environments, len(one.lost), len(one.doubled), len(one.wrong))
        lines.append(_row(one.fault.name, width, *counts))
    played = sum(one.runs for one in findings), sum(one.environments for one in findings)
    totals = [sum(len(getattr(one, kind)) for one in findings) for kind in ("lost", "doubled", "wrong")]
    lines.append(_row("all", width, *played, *totals))
    for one in findings:
        lines += _details(one)
    return "\n".join(lines)


def _row(name: str, width: int, *columns: object) -> str:
    runs, environments, lost, doubled, wrong = columns
    return f"{name:{width}}  {runs:>4}  {environments:>12}  {lost:>4}  {doubled:>7}  {wrong:>5}"


def _details(findings: Findings) -> list[str]:
    told = []
    for kind in ("lost", "doubled", "wrong"):
        found = [what for what_kind, what in findings.told() if what_kind == kind]
        told += [f"  {kind}: {what[:_LONGEST]}" for what in found[:_TOLD]]
        if len(found) > _TOLD:
            told.append(f"  {kind}: and {len(found) - _TOLD} more")
    return ["", findings.fault.name, *told] if told else []
