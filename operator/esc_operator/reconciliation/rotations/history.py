"""Which ended EscRotations of `esc rotate` are kept. Pure.

One that a person wrote is kept until that person deletes it: only those with the label of `esc rotate` count here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from esc_operator.resources.rotation import EscRotation, RotationStatus

KEPT_AT_LEAST = timedelta(minutes=10)
"""`esc rotate --wait` reads how its own ended, after a suspended laptop has woken up too."""


class Ended(NamedTuple):
    """An ended EscRotation of `esc rotate`."""

    name: str
    uid: str
    completed_at: datetime
    succeeded: bool


def ended(rotation: EscRotation, status: RotationStatus) -> Ended | None:
    """The EscRotation, if it is one of those that the limit is about."""
    if not rotation.is_from_command or rotation.schedule or status.completed_at is None:
        return None
    return Ended(rotation.name, rotation.uid, status.completed_at, status.is_success)


def expendable(known: Iterable[Ended], limit: int, now: datetime) -> list[Ended]:
    """Those to delete: all but the newest `limit` that succeeded and the newest `limit` that did not."""
    newest_first = sorted(known, key=lambda one: (one.completed_at, one.name), reverse=True)
    beyond = [
        one
        for succeeded in (True, False)
        for one in [each for each in newest_first if each.succeeded is succeeded][limit:]
    ]
    return [one for one in beyond if one.completed_at + KEPT_AT_LEAST <= now]
