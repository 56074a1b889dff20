"""Schedules as cron writes them: five fields, or a short name for some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORT_SCHEDULES: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The short names, as cron and CronJobs have them, and the fields that they stand for."""

ADVICE: Final = (
    "write minute, hour, day of month, month and day of week, such as 0 3 * * *, or one of "
    f"{', '.join(SHORT_SCHEDULES)}"
)
"""What to write, for messages."""


def fields_of(schedule: str) -> str:
    """The five fields of a schedule; itself if it is no short name."""
    return SHORT_SCHEDULES.get(schedule.strip(), schedule)
