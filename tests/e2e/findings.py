"""What was counted in the long show, what it had to be, and how both are told. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RENEWED_AT = (0.40, 0.70)
"""How much of a key's life may be over when it is renewed. A twentieth is left for clocks that differ, of the rest a
quarter is kept at least and half at most, and jitter is another twentieth."""
SLACK = 2.0
"""Seconds: times are cut to whole ones, and a renewal takes its time."""


@dataclass(frozen=True)
class Rotation:
    """One change of keys; seconds, of which none may be negative."""

    key_age: float
    """How old the key was when the next one was granted."""
    rollout: float
    """From the grant until the last pod with the old key was gone."""
    left: float
    """What the old key had left of its life by then."""


@dataclass(frozen=True)
class Member:
    """One workload."""

    name: str
    pods: int
    allowed: int
    """So many of its pods have to serve at any moment, by its strategy."""
    least: int
    """So many served at the worst moment."""
    templates: int
    """How many different pod templates the cluster has run for it."""
    pods_made: int
    restarts: int
    bad_exits: frozenset[int]


@dataclass(frozen=True)
class Findings:
    """All that the show has counted."""

    lifetime: float
    wanted_rotations: int
    mints: int
    rotations: Sequence[Rotation]
    members: Sequence[Member]
    accepted: Mapping[str, int]
    """By access key."""
    refused: Mapping[str, Mapping[str, int]]
    """By access key, then by AWS's error code; empty where none was."""
    start_seconds: Sequence[float]
    """For each pod, from its creation to its first successful call."""
    troubles: Sequence[str] = ()
    """Whatever else went wrong."""

    @property
    def wrong(self) -> list[str]:
        return list(_wrong(self))


def _wrong(found: Findings) -> Iterator[str]:
    yield from found.troubles
    rotations = len(found.rotations)
    if rotations < found.wanted_rotations:
        yield f"{rotations} rotations instead of {found.wanted_rotations} or more"
    if found.mints != 1 + rotations:
        yield f"{found.mints} mints instead of one and one for each of {rotations} rotations"
    if found.refused:
        yield f"refused calls: {dict(found.refused)}"
    used = sum(count > 0 for count in found.accepted.values())
    if used != found.mints:
        yield f"{used} keys were used, and {found.mints} minted"
    for number, rotation in enumerate(found.rotations, 1):
        earliest, latest = (share * found.lifetime for share in RENEWED_AT)
        if not earliest - SLACK <= rotation.key_age <= latest + SLACK:
            yield f"rotation {number} came {rotation.key_age:.0f} s after the one before"
        if rotation.left <= 0:
            yield f"rotation {number} left pods with an expired key for {-rotation.left:.0f} s"
    for member in found.members:
        yield from _wrong_with(member, rotations)


def _wrong_with(member: Member, rotations: int) -> Iterator[str]:
    if member.least < member.allowed:
        yield f"{member.name} had {member.least} pods ready, and its strategy allows no fewer than {member.allowed}"
    if member.templates != 1 + rotations:
        yield f"{member.name} was rolled {member.templates - 1} times in {rotations} rotations"
    if member.pods_made != member.pods * (1 + rotations):
        yield f"{member.name} made {member.pods_made} pods instead of {member.pods * (1 + rotations)}"
    if member.restarts or member.bad_exits:
        yield f"{member.name} has restarted containers: {member.restarts}; exit statuses {sorted(member.bad_exits)}"


def draw(found: Findings) -> str:
    rotations = len(found.rotations)
    calls, refused = sum(found.accepted.values()), sum(sum(codes.values()) for codes in found.refused.values())
    start = f"{statistics.median(found.start_seconds):.1f} s (median), {max(found.start_seconds):.1f} s at most"
    by_rotation = [
        (str(number), f"{one.key_age:.1f} s", f"{one.rollout:.1f} s", f"{one.left:.1f} s")
        for number, one in enumerate(found.rotations, 1)
    ]
    by_member = [
        (
            one.name,
            f"{one.least} of {one.pods}",
            str(one.allowed),
            f"{one.templates - 1} of {rotations}",
            f"{one.pods_made} of {one.pods * (1 + rotations)}",
            str(one.restarts),
        )
        for one in found.members
    ]
    return "\n".join(
        [
            *_table(("rotation", "key's age", "all pods new after", "old key had left"), by_rotation),
            "",
            *_table(("workload", "least ready", "allowed", "rollouts", "pods made", "restarts"), by_member),
            "",
            f"S3 calls  {calls + refused} with {len(found.accepted)} keys: {calls} accepted, {refused} refused",
            f"mints     {found.mints} of {1 + rotations}: the first, and one a rotation",
            f"a pod's first call came after {start}",
        ]
    )


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (titles, *rows)
    ]
