"""When a schedule runs next, and what its author reads who has misspelled it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from esc_operator.reconciliation.rotations.schedule import InvalidScheduleError, last_time, next_time

NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("@hourly", datetime(2026, 3, 4, 13, 0, tzinfo=UTC)),
        ("@daily", datetime(2026, 3, 5, tzinfo=UTC)),
        ("@midnight", datetime(2026, 3, 5, tzinfo=UTC)),
        ("@weekly", datetime(2026, 3, 8, tzinfo=UTC)),
        ("@monthly", datetime(2026, 4, 1, tzinfo=UTC)),
        ("@yearly", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 3 * * *", datetime(2026, 3, 5, 3, 0, tzinfo=UTC)),
    ],
)
def test_short_names_mean_what_they_mean_to_cron(schedule: str, due: datetime) -> None:
    assert next_time(schedule, "UTC", NOON) == due
    assert last_time(schedule, "UTC", NOON, due) == due


@pytest.mark.parametrize(
    ("schedule", "zone", "words"),
    [
        ("@dayly", "UTC", 'spec.schedule: "@dayly" is not a cron expression'),
        ("@dayly", "UTC", 'did you mean "@daily"?'),
        ("61 * * * *", "UTC", "write minute, hour, day of month, month and day of week, such as 0 3 * * *"),
        ("@daily", "Europe/Berln", 'there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?'),
        ("@daily", "europe/berlin", 'did you mean "Europe/Berlin"?'),
        ("@daily", "Middle Earth", "write one such as Europe/Berlin or UTC"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(schedule: str, zone: str, words: str) -> None:
    with pytest.raises(InvalidScheduleError) as refused:
        next_time(schedule, zone, NOON)
    assert words in str(refused.value)
