"""What `kubectl describe` shows of what has happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """An event for `kubectl describe`: `type` is Normal or Warning."""

    type: str
    reason: str
    message: str
