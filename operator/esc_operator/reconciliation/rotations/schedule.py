"""When a scheduled EscRotation runs: cron expressions, in a time zone. Pure but for the time zones' own data."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from esc_operator.formats.schedules import ADVICE, SHORT_SCHEDULES, fields_of
from esc_operator.formats.spelling import Known, hint


class InvalidScheduleError(ValueError):
    """A schedule that cannot be kept; its text is for people."""


def next_time(schedule: str, time_zone: str, after: datetime) -> datetime:
    """The first time of a schedule later than that one, in UTC. Raises InvalidScheduleError."""
    zone = _zone(time_zone)
    try:
        upcoming: datetime = next(CronSim(fields_of(schedule), after.astimezone(zone)))
    except CronSimError as error:
        raise InvalidScheduleError(
            f'spec.schedule: "{schedule}" is not a cron expression: {error}{_meant(schedule)}; {ADVICE}'
        ) from error
    except StopIteration:
        raise InvalidScheduleError(f'spec.schedule: "{schedule}" never occurs: correct it') from None
    return upcoming.astimezone(UTC)


def last_time(schedule: str, time_zone: str, after: datetime, now: datetime) -> datetime | None:
    """The latest time of a schedule since `after`, and not later than `now`; None if there is none. However many were
    missed, one run makes up for them. Raises InvalidScheduleError."""
    if next_time(schedule, time_zone, after) > now:
        return None
    previous: datetime = next(CronSim(fields_of(schedule), now.astimezone(_zone(time_zone)), reverse=True))
    found = previous.astimezone(UTC)
    # The search backwards leaves out the second at which it starts.
    exact = next_time(schedule, time_zone, found)
    return exact if exact <= now else found


def _meant(schedule: str) -> str:
    return hint(schedule, Known(SHORT_SCHEDULES)) if schedule.startswith("@") else ""


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        suggestion = hint(name, Known(available_timezones())) or "; write one such as Europe/Berlin or UTC"
        raise InvalidScheduleError(f'spec.timeZone: there is no time zone "{name}"{suggestion}') from error
