"""How often a Secret that another writer keeps changing is restored: a few times at once, then at growing gaps.

A user who edits by hand never notices. Two controllers that undo each other's writes cost one restoration a minute in
the end; two minutes after the other one stops, the count starts again from zero. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from esc_operator.renewal.growing_gap import GrowingGap

AT_ONCE: Final = 5
"""How many restorations in a row are done at once."""
FIRST_GAP: Final = timedelta(milliseconds=500)
LONGEST_GAP: Final = timedelta(minutes=1)
CALM: Final = 2 * LONGEST_GAP
"""After this long without a change, a Secret is restored as if for the first time."""
_GAP: Final = GrowingGap(AT_ONCE, FIRST_GAP, LONGEST_GAP, CALM)


@dataclass(frozen=True, slots=True)
class Restorations:
    """How often in a row a Secret was restored, and when it was last. `reported`: the row has its event."""

    count: int
    last: datetime
    reported: bool = False


def next_turn(known: Restorations | None, now: datetime) -> datetime:
    """When a Secret that is found changed now may be restored: now, or a little later."""
    if known is None or not _GAP.continues(known.last, now):
        return now
    return max(now, known.last + _GAP.after(known.count))


def count_one_more(known: Restorations | None, now: datetime, *, in_vain: bool = False) -> Restorations:
    """The row with a restoration of now. `in_vain`: that same write changed the Secret, for instance by a webhook, so
    an immediate retry is pointless."""
    if known is None or not _GAP.continues(known.last, now):
        known = Restorations(0, now)
    return Restorations(max(known.count + 1, AT_ONCE if in_vain else 0), now, known.reported)
