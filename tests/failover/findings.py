"""What the show has counted, what may be, and how both are told. Pure."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

IN_HAND = 1.5
"""Seconds from a mint to the end of the process that asked for it, if it died before it could write the answer."""

RENEWED_AT = 0.35
"""Earlier in its life no key is renewed without a reason; see `e2e.findings`."""


@dataclass(frozen=True)
class Minted:
    """What AWS has granted. Times are the wall clock's seconds. `to`: the operator that took the answer; empty where
    its connection was gone."""

    environment: str
    key: str
    at: float
    lifetime: float
    to: str = ""


@dataclass(frozen=True)
class End:
    """When an operator was killed or stopped."""

    at: float
    name: str


@dataclass(frozen=True)
class Written:
    """A state of a Secret that the API server has told of, in its order. `whole`: all values come from one mint."""

    environment: str
    key: str
    generation: int
    request: str
    whole: bool = True


@dataclass
class Series:
    """One way in which leaders went. `gaps`: seconds until another one wrote a Secret, mint and all."""

    name: str
    limit: float
    gaps: list[float] = field(default_factory=list)


@dataclass
class Findings:
    """All that the show has counted."""

    series: list[Series] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    minted: Sequence[Minted] = ()
    written: Sequence[Written] = ()
    late_requests: int = 0
    """Sent by an operator that was continued after another had taken over."""
    second_writers: int = 0
    """Writes by one while another led."""
    gave_up: int = 0
    """How often one could not renew its lease in time, on a machine that has too much to do, and ended itself."""
    troubles: list[str] = field(default_factory=list)
    """Whatever else went wrong."""

    @property
    def doubled(self) -> list[str]:
        return [what for what, unavoidable in unwarranted(self.minted, self.written, self.ends) if not unavoidable]

    @property
    def lost(self) -> list[str]:
        return [what for what, unavoidable in unwarranted(self.minted, self.written, self.ends) if unavoidable]

    @property
    def wrong_secrets(self) -> list[str]:
        return list(_wrong_secrets(self.minted, self.written))

    @property
    def wrong(self) -> list[str]:
        return list(_wrong(self))


def unwarranted(
    minted: Sequence[Minted], written: Sequence[Written], ends: Sequence[End]
) -> Iterator[tuple[str, bool]]:
    """Mints that nothing asked for, and whether that is so because their answer died with the process that had it."""
    held = {one.key: one for one in reversed(written)}
    before: dict[str, tuple[Minted, Written]] = {}
    for mint in sorted(minted, key=lambda mint: mint.at):
        state = held.get(mint.key)
        if state is None:
            yield f"{mint.environment}: {mint.key} was issued, then never written", _died(mint, ends)
            continue
        if former := before.get(mint.environment):
            is_asked = (state.generation, state.request) != (former[1].generation, former[1].request)
            if not is_asked and mint.at - former[0].at < RENEWED_AT * former[0].lifetime:
                yield f"{mint.environment}: {mint.key} was issued {mint.at - former[0].at:.1f} s after the last", False
        before[mint.environment] = mint, state


def _died(mint: Minted, ends: Sequence[End]) -> bool:
    """Whether whoever was to have it died first: before the answer came, or before it was written."""
    if not mint.to:
        return any(abs(end.at - mint.at) < IN_HAND for end in ends)
    return any(end.name == mint.to and -IN_HAND < end.at - mint.at < IN_HAND for end in ends)


def _wrong_secrets(minted: Sequence[Minted], written: Sequence[Written]) -> Iterator[str]:
    issued = {mint.key: mint.at for mint in minted}
    last: dict[str, float] = defaultdict(lambda: -math.inf)
    for state in written:
        if not state.whole or state.key not in issued:
            yield f"{state.environment}: values that do not belong together were written"
            continue
        if issued[state.key] < last[state.environment]:
            yield f"{state.environment}: {state.key} was written over a later key"
        last[state.environment] = max(last[state.environment], issued[state.key])


def _wrong(found: Findings) -> Iterator[str]:
    yield from found.troubles
    yield from (f"doubled: {what}" for what in found.doubled)
    yield from found.wrong_secrets
    if found.late_requests:
        yield f"{found.late_requests} requests of operators that had lost the lease while they were stopped"
    if found.second_writers:
        yield f"{found.second_writers} writes by one operator while another led"
    for series in found.series:
        if series.gaps and max(series.gaps) > series.limit:
            yield f"{series.name}: a gap of {max(series.gaps):.1f} s, and the limit is {series.limit:.0f} s"


def draw(found: Findings) -> str:
    width = max((len(series.name) for series in found.series), default=0)
    lines = [_row("the leader was", width, "times", "p50", "p95", "max", "limit")]
    lines += [_row(series.name, width, len(series.gaps), *_figures(series)) for series in found.series]
    counts: Mapping[str, object] = {
        "mints": len(found.minted),
        "  doubled": len(found.doubled),
        "  issued, then never written": f"{len(found.lost)} (their answers died with a process)",
        "states of Secrets": len(found.written),
        "  wrong": len(found.wrong_secrets),
        "writes while another led": found.second_writers,
        "requests after being continued": found.late_requests,
        "ended by themselves": f"{found.gave_up} (their lease could not be renewed in time)",
    }
    lines += ["", *(f"{name:32}{count}" for name, count in counts.items())]
    return "\n".join([*lines, *(f"  {what}" for what in found.lost)])


def _figures(series: Series) -> tuple[str, str, str, str]:
    if not series.gaps:
        return "-", "-", "-", f"{series.limit:.0f} s"
    highest = sorted(series.gaps)[math.ceil(0.95 * len(series.gaps)) - 1]
    figures = statistics.median(series.gaps), highest, max(series.gaps)
    p50, p95, longest = (f"{figure:.2f} s" for figure in figures)
    return p50, p95, longest, f"{series.limit:.0f} s"


def _row(name: str, width: int, *columns: object) -> str:
    return f"{name:{width}}  " + "  ".join(f"{column!s:>8}" for column in columns)
