"""The backoff of changes: how soon an environment that changes again and again is looked at again.

Pure: the time is an argument. A few changes are worked on at once; then the gaps grow, and all changes within a gap are
worked on together, at its end. So a loop of changes costs a bounded share of the process, and a user who edits by hand
never notices.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from esc_operator.renewal.growing_gap import GrowingGap

K = TypeVar("K")

AT_ONCE: Final = 5
"""How many changes in a row are worked on at once."""
FIRST_GAP: Final = timedelta(milliseconds=500)
LONGEST_GAP: Final = timedelta(seconds=8)
CALM: Final = 2 * LONGEST_GAP
"""After this long without a change, the next one counts as the first."""
_GAP: Final = GrowingGap(AT_ONCE, FIRST_GAP, LONGEST_GAP, CALM)
SWEPT_AT: Final = 1000


class _Row(NamedTuple):
    """How many changes in a row are known, and when the last of them was or is worked on."""

    changes: int
    last: datetime


class ChangeBackoff(Generic[K]):
    def __init__(self) -> None:
        self._rows: dict[K, _Row] = {}
        self._sweep_at = SWEPT_AT

    def due(self, key: K, now: datetime) -> datetime:
        """When a change that is observed now may be worked on: now, or a little later."""
        row = self._rows.get(key)
        if row is not None and now < row.last <= now + LONGEST_GAP:
            return row.last  # together with the earlier change that waits for the same time
        if row is None or not _GAP.continues(row.last, now):
            row = _Row(0, now)
        due = max(now, row.last + _GAP.after(row.changes))
        self._rows[key] = _Row(row.changes + 1, due)
        self._sweep(now)
        return due

    def _sweep(self, now: datetime) -> None:
        if len(self._rows) > self._sweep_at:
            self._rows = {key: row for key, row in self._rows.items() if now < row.last + CALM}
            self._sweep_at = max(SWEPT_AT, 2 * len(self._rows))
