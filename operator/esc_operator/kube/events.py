"""Kubernetes events about our objects, as `kubectl describe` shows them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.errors import KubeError
from esc_operator.formats.times import format_time
from esc_operator.kube.paths import ROTATIONS
from esc_operator.resources import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.paths import Resource
    from esc_operator.resources.environment import Key

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 1024
"""Characters of a message that the API server accepts."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event for `kubectl describe`: `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


class Subject(NamedTuple):
    """The object that an event is about."""

    resource: Resource
    key: Key
    uid: str

    @property
    def is_environment(self) -> bool:
        return self.resource is not ROTATIONS

    def __str__(self) -> str:
        return str(self.key) if self.is_environment else f"{self.resource.kind} {self.key.name}"

    @property
    def place(self) -> str:
        """The namespace of events about it; `default` for a cluster-scoped object."""
        return self.key.namespace or "default"


async def post_events(api: KubeApi, about: Subject, now: datetime, events: Iterable[Event | None]) -> None:
    """Post events, in order; None is skipped. A lost event changes nothing, so a failure is only logged."""
    for event in events:
        if event is not None:
            await _post(api, about, now, event)


async def _post(api: KubeApi, about: Subject, now: datetime, event: Event) -> None:
    try:
        await api.create_event(about.place, _body(event, about, now))
    except KubeError as error:
        log = {"environment": str(about.key) if about.is_environment else None, "reason": error.reason}
        logger.warning("%s: the event %s was not posted: %s", about, event.reason, error.message, extra=log)


def _body(event: Event, about: Subject, now: datetime) -> dict[str, Any]:
    """The body of an event about an object."""
    time = format_time(now)
    return {
        "metadata": {"generateName": f"{about.key.name[:200]}-", "namespace": about.place},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": about.resource.kind,
            **({"namespace": about.key.namespace} if about.key.namespace else {}),
            "name": about.key.name,
            "uid": about.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:LONGEST_MESSAGE],
        "source": {"component": "esc-operator"},
        "reportingComponent": "esc-operator",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
