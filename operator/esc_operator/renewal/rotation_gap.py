"""How often the annotation of an environment may ask for new credentials: three times at once, then once a minute.

Each such rotation counts for a minute, one after the other, and while three count the next one waits. One time says how
long they count, so it survives a restart in the status. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

GAP = timedelta(minutes=1)
AT_ONCE = 3


def next_turn(count_until: datetime | None, now: datetime) -> datetime:
    """When one more rotation is due; `count_until` is how long those before count, None where there were none."""
    return _counted(count_until, now) - GAP * (AT_ONCE - 1)


def count_one_more(count_until: datetime | None, now: datetime) -> datetime:
    """How long they count with this one. Whole seconds, as a status keeps them."""
    return min(_counted(count_until, now) + GAP, now + GAP * AT_ONCE).replace(microsecond=0)


def _counted(count_until: datetime | None, now: datetime) -> datetime:
    # More than there can be is of a clock that was set back.
    return now if count_until is None else min(max(count_until, now), now + GAP * AT_ONCE)
