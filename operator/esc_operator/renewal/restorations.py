"""How often a Secret that somebody else keeps changing is restored: a few times at once, then at growing gaps.

Whoever edits by hand never notices. Two controllers that undo each other's writes cost one restoration a minute in the
end, and a minute after the other one has given up all is as if nothing had been. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

AT_ONCE: Final = 5
"""So many restorations in a row are done at once."""
FIRST_GAP: Final = timedelta(milliseconds=500)
LONGEST_GAP: Final = timedelta(minutes=1)
CALM: Final = 2 * LONGEST_GAP
"""A Secret that was left alone for so long is restored as if for the first time."""


@dataclass(frozen=True, slots=True)
class Restorations:
    """How often in a row a Secret was restored, and when it was last. `reported`: an event has told of the row."""

    count: int
    last: datetime
    reported: bool = False


def next_turn(known: Restorations | None, now: datetime) -> datetime:
    """When a Secret may be restored that is found changed now: now, or a little later."""
    if known is None or not _is_in_a_row(known, now):
        return now
    return max(now, known.last + _gap(known.count))


def count_one_more(known: Restorations | None, now: datetime, *, in_vain: bool = False) -> Restorations:
    """The row with a restoration of now. `in_vain`: the Secret was changed by that very write, as by a webhook, so that
    there is no sense in trying it again at once."""
    if known is None or not _is_in_a_row(known, now):
        known = Restorations(0, now)
    return Restorations(max(known.count + 1, AT_ONCE if in_vain else 0), now, known.reported)


def _is_in_a_row(known: Restorations, now: datetime) -> bool:
    return known.last <= now < known.last + CALM  # a clock that was set back makes nobody wait


def _gap(count: int) -> timedelta:
    """The gap after so many restorations."""
    if count < AT_ONCE:
        return timedelta(0)
    return min(FIRST_GAP * (1 << min(count - AT_ONCE, 10)), LONGEST_GAP)
