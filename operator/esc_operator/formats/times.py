"""Times as Kubernetes stores them: RFC 3339 in UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(text: str | None) -> datetime | None:
    """Read a time of a status; None for an absent or unreadable one."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def format_time(time: datetime) -> str:
    # Truncated, never rounded: a refresh that is stored later than it was computed may never come due.
    return time.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_optional_time(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)
