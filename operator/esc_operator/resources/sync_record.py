"""The record of a sync, stored on the Secret itself.

A Secret and the knowledge of what it was made from are written in one request, so they cannot disagree: an operator
that dies right after the write finds the record when it comes back, and neither mints again nor loses a rotation.
The status of the environment only repeats it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import format_optional_time, format_time, parse_time
from esc_operator.resources import SYNC_RECORD
from esc_operator.resources.imported import Imported
from esc_operator.resources.rotate_request import RotateRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_LONGEST_TEXT = 1024
_MOST_IMPORTS = 256
"""As many as one evaluation loads."""


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """What a Secret was made from.

    `uid` and `generation` are the environment's, `imports` names the imported environments as they were used.
    `rotate_request` and `rotation` are the requests for new credentials that it honours (see `rotate_request`).
    `issued_at` is the issue time of the lease that expires first, or the time of the sync. `rereads` says that some
    input has no expiry and has to be read again each interval.

    For rollouts: `salt` is drawn once for each Secret, `changed_at` is when its data last changed (None: it has not),
    and `replaced_expires_at` is when the previous data expires, which pods may still hold. `leaves_pods`: the request
    for the current data excluded a rollout.
    """

    uid: str
    generation: int
    digest: str
    refreshed_at: datetime
    issued_at: datetime
    expires_at: datetime | None
    rotate_request: str
    imports: Mapping[str, Imported]
    rereads: bool = True
    salt: str = ""
    changed_at: datetime | None = None
    replaced_expires_at: datetime | None = None
    rotation: str = ""
    leaves_pods: bool = False
    # Computed once for each record: a reconciliation of a ClusterEscEnvironment compares those of all its namespaces.
    _revision: str = field(default="", init=False, repr=False, compare=False)
    _seal: str = field(default="", init=False, repr=False, compare=False)

    @property
    def request(self) -> RotateRequest:
        return RotateRequest(self.rotate_request, self.rotation)

    @property
    def revision(self) -> str:
        """A name for the data that changes with it and reveals nothing: it is on pod templates, which more people may
        read than Secrets."""
        if not self._revision:
            object.__setattr__(self, "_revision", self._authenticate(self.digest)[:12])
        return self._revision

    @property
    def seal(self) -> str:
        """A mark that only this record, with this data, has. It reveals nothing without the salt, so it may be stored
        where people read who may not read Secrets."""
        if not self._seal:
            object.__setattr__(self, "_seal", self._authenticate(self.to_annotation()))
        return self._seal

    def _authenticate(self, text: str) -> str:
        return hmac.new(self.salt.encode(), text.encode(), "sha256").hexdigest()

    @property
    def lifetime(self) -> timedelta | None:
        """The whole lifetime of the values; None if they do not expire."""
        return self.expires_at - self.issued_at if self.expires_at else None

    def to_annotation(self) -> str:
        return json.dumps(
            {
                "uid": self.uid,
                "generation": self.generation,
                "digest": self.digest,
                "refreshedAt": format_time(self.refreshed_at),
                "issuedAt": format_time(self.issued_at),
                "expiresAt": format_optional_time(self.expires_at),
                "rotateRequest": self.rotate_request,
                "imports": {name: used.generation for name, used in sorted(self.imports.items())},
                "rereads": self.rereads,
                "salt": self.salt,
                "changedAt": format_optional_time(self.changed_at),
                "replacedExpiresAt": format_optional_time(self.replaced_expires_at),
                # Left out if empty, so that an older operator's record needs no write.
                **({"importUids": uids} if (uids := self._import_uids()) else {}),
                **({"importMarks": marks} if (marks := self._import_marks()) else {}),
                **({"rotation": self.rotation} if self.rotation else {}),
                **({"leavesPods": True} if self.leaves_pods else {}),
            },
            separators=(",", ":"),
        )

    def _import_uids(self) -> dict[str, str]:
        return {name: used.uid for name, used in sorted(self.imports.items()) if used.uid}

    def _import_marks(self) -> dict[str, str]:
        return {name: used.source for name, used in sorted(self.imports.items()) if used.source}


def _imports(data: Mapping[str, Any]) -> Mapping[str, Imported]:
    uids, marks = data.get("importUids") or {}, data.get("importMarks") or {}
    generations = data.get("imports") or {}
    if len(generations) > _MOST_IMPORTS:
        raise ValueError("too many imports")
    return {
        _text(name): Imported(_number(number), _text(uids.get(name)), _text(marks.get(name)))
        for name, number in generations.items()
    }


def parse_sync_record(annotations: Mapping[str, str] | None) -> SyncRecord | None:
    """The record in a Secret's annotations; None if it is absent or damaged.

    A tenant who may write Secrets may write this, and the same process serves all other tenants: no contents may cause
    a crash.
    """
    try:
        return _parse((annotations or {})[SYNC_RECORD])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return None


def _parse(text: str) -> SyncRecord | None:
    data: dict[str, Any] = json.loads(text)
    refreshed_at, issued_at = _time(data["refreshedAt"]), _time(data["issuedAt"])
    if refreshed_at is None or issued_at is None:
        return None
    return SyncRecord(
        uid=_text(data["uid"]),
        generation=_number(data["generation"]),
        digest=_text(data["digest"]),
        refreshed_at=refreshed_at,
        issued_at=issued_at,
        expires_at=_time(data.get("expiresAt")),
        rotate_request=_text(data.get("rotateRequest")),
        imports=_imports(data),
        rereads=bool(data.get("rereads", True)),
        salt=_text(data.get("salt")),
        changed_at=_time(data.get("changedAt")),
        replaced_expires_at=_time(data.get("replacedExpiresAt")),
        rotation=_text(data.get("rotation")),
        leaves_pods=bool(data.get("leavesPods", False)),
    )


def _text(value: Any) -> str:
    """A text, "" for none. Raises ValueError if it is too long, or cannot be encoded, as half of a surrogate pair."""
    if value is not None and not isinstance(value, str):
        raise TypeError("not a text")
    if len((value or "").encode()) > _LONGEST_TEXT:
        raise ValueError("longer than any text of a record")
    return value or ""


def _number(value: Any) -> int:
    """A number as the API server counts generations."""
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError("not a generation")
    return value


def _time(value: str | None) -> datetime | None:
    """A time that is safe for arithmetic: at the ends of the calendar any difference may overflow."""
    time = parse_time(value)
    if time is not None and not _FIRST_YEAR <= time.astimezone(UTC).year <= _LAST_YEAR:
        raise ValueError("not a time of any lease")
    return time


def digest_data(data: Mapping[str, str]) -> str:
    """A digest of a Secret's `data` (base64 values), to detect later whether it was edited.

    It is stored only on the Secret itself, so everyone who can read the digest can read the data.
    """
    return hashlib.sha256(json.dumps(dict(sorted(data.items()))).encode()).hexdigest()
