"""Requests for new credentials of an environment: by its owner's annotation, or by an EscRotation in its status.

The owner writes the spec and the annotations, the operator the status, so an EscRotation's request is in the status.
Each request is honoured once, and the sync record on the Secret says which were.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.formats.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class RotateRequest(NamedTuple):
    """All requests: the annotation's value, and the id of an EscRotation's run; "" for none."""

    annotation: str = ""
    rotation: str = ""


ALMOST_A_SECOND = timedelta(microseconds=999_999)

NO_REQUEST = RotateRequest()


@dataclass(frozen=True, slots=True)
class AskedRotation:
    """`status.rotation` of an environment: the latest EscRotation.

    `id` identifies one run of it, `name` is for people. Credentials issued at `requested_at` or later honour it.
    `rolls` is False if pods must not be replaced. `pulumi_rotators`: the environment's rotators in Pulumi Cloud rotate
    too.
    """

    id: str
    name: str
    requested_at: datetime
    rolls: bool = True
    pulumi_rotators: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            # Rounded up: credentials issued in the same second may be older than the request.
            "requestedAt": format_time(self.requested_at + ALMOST_A_SECOND),
            "rollout": self.rolls,
            # None: a merge patch takes it off, if an earlier run has requested it.
            "pulumiRotators": self.pulumi_rotators or None,
        }


def parse_asked_rotation(data: Mapping[str, Any] | None) -> AskedRotation | None:
    """Read `status.rotation`; an unreadable one requests nothing."""
    data = data or {}
    requested_at = parse_time(data.get("requestedAt"))
    if not data.get("id") or requested_at is None:
        return None
    return AskedRotation(
        data["id"],
        data.get("name") or "",
        requested_at,
        data.get("rollout", True) is not False,
        bool(data.get("pulumiRotators")),
    )
