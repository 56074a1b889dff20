"""How often the annotation of an environment may request new credentials: three times at once, then once a minute.

Each such rotation counts for a minute, one after the other, and while three count the next one waits. A single time
records how long they count, so the status preserves it over a restart. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

GAP = timedelta(minutes=1)
AT_ONCE = 3


def next_turn(count_until: datetime | None, now: datetime) -> datetime:
    """When the next rotation is due; `count_until` is how long the previous ones count, None if there were none."""
    return _counted(count_until, now) - GAP * (AT_ONCE - 1)


def count_one_more(count_until: datetime | None, now: datetime) -> datetime:
    """How long they count with one more. Whole seconds, as a status stores them."""
    return min(_counted(count_until, now) + GAP, now + GAP * AT_ONCE).replace(microsecond=0)


def _counted(count_until: datetime | None, now: datetime) -> datetime:
    # A larger value than possible comes from a clock that was set back.
    return now if count_until is None else min(max(count_until, now), now + GAP * AT_ONCE)
