"""What asks for new credentials of an environment: its owner by an annotation, or an EscRotation through its status.

The spec and the annotations are the owner's; the status is the operator's, so a rotation of the cluster is asked for
there. Each request is honoured once, and the sync record on the Secret says which were.
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
    """All that asks: the annotation's value, and the id of the run of an EscRotation; "" where there is none."""

    annotation: str = ""
    rotation: str = ""


ALMOST_A_SECOND = timedelta(microseconds=999_999)

NO_REQUEST = RotateRequest()


@dataclass(frozen=True, slots=True)
class AskedRotation:
    """`status.rotation` of an environment: the EscRotation that has asked last.

    `id` is of one run of it, `name` is for people. What was issued at `requested_at` or later honours it. `rolls` is
    False where the pods are to be left alone.
    """

    id: str
    name: str
    requested_at: datetime
    rolls: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            # Rounded up: of what was issued in that very second, some is older than the request.
            "requestedAt": format_time(self.requested_at + ALMOST_A_SECOND),
            "rollout": self.rolls,
        }


def parse_asked_rotation(data: Mapping[str, Any] | None) -> AskedRotation | None:
    """Read `status.rotation`; what cannot be read asks for nothing."""
    data = data or {}
    requested_at = parse_time(data.get("requestedAt"))
    if not data.get("id") or requested_at is None:
        return None
    return AskedRotation(data["id"], data.get("name") or "", requested_at, data.get("rollout", True) is not False)
