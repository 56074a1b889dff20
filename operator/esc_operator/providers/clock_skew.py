"""How far a service's clock is from ours, by the `Date` header of its answers; a warning in the log if it matters.

Credentials are renewed by our clock and expire by theirs.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

TOLERANCE = timedelta(seconds=30)
"""Half of the margin before an expiry."""

REPEAT_AFTER = timedelta(hours=1)

logger = logging.getLogger(__name__)


def measure(date: str, asked_at: datetime, answered_at: datetime) -> timedelta | None:
    """How far their clock is certainly ahead of ours (negative: behind); None if the header does not say.

    The header has whole seconds, and was written between the request and the answer.
    """
    from email.utils import parsedate_to_datetime

    try:
        theirs = parsedate_to_datetime(date)
        earliest, latest = theirs - answered_at, theirs + timedelta(seconds=1) - asked_at
    except (ValueError, TypeError):  # not a date, or one without a zone
        return None
    return max(earliest, timedelta(0)) if latest > timedelta(0) else latest


class SkewWatch:
    """Logs a difference that is too large, once an hour. One serves a whole process."""

    def __init__(self) -> None:
        self._logged_at: datetime | None = None
        self.last: timedelta | None = None

    def observe(self, host: str, date: str, asked_at: datetime, answered_at: datetime) -> None:
        skew = self.last = measure(date, asked_at, answered_at)
        if skew is None or abs(skew) <= TOLERANCE or not self._is_time(answered_at):
            return
        self._logged_at = answered_at
        logger.warning(
            "The clock of %s is %.0f s %s the clock here: correct this machine's clock, or credentials may expire"
            " before they are renewed.",
            host,
            abs(skew).total_seconds(),
            "ahead of" if skew > timedelta(0) else "behind",
        )

    def _is_time(self, now: datetime) -> bool:
        # A time in the future comes from a clock that has been corrected since.
        return self._logged_at is None or not self._logged_at <= now < self._logged_at + REPEAT_AFTER
