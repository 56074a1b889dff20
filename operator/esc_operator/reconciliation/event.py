"""What `kubectl describe` shows of what has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.resources import API_VERSION
from esc_operator.resources.times import format_time

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.resources.environment import Key

LONGEST_TOLD = 1024
"""Characters that the API server takes."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event for `kubectl describe`: `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


def event_place(about: Key) -> str:
    """The namespace of events about an object: of what belongs to the cluster, `default`."""
    return about.namespace or "default"


def event_body(event: Event, kind: str, about: Key, uid: str, now: datetime) -> dict[str, Any]:
    """An event about an object of ours, as the API server takes it."""
    time = format_time(now)
    return {
        "metadata": {"generateName": f"{about.name[:200]}-", "namespace": event_place(about)},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": kind,
            **({"namespace": about.namespace} if about.namespace else {}),
            "name": about.name,
            "uid": uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:LONGEST_TOLD],
        "source": {"component": "esc-operator"},
        "reportingComponent": "esc-operator",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
