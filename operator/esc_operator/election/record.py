"""The contents of a Lease, and the bodies of the three writes to it. Pure.

Each write but the first names the version that it changes, so of two writes based on the same record one fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

API_VERSION = "coordination.k8s.io/v1"

NOTE = "esc-operator.dev/interruptions"
"""Annotation of the Lease: a leader's note to the next one; this package does not interpret it."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """`holder` is "" if the lease is free. `duration`: seconds for which the others wait after each change.
    `renewed_at` is for people, and makes each record differ from the previous one. `transitions` counts holders.
    `note` is a leader's note for the next one."""

    version: str
    holder: str
    duration: float
    renewed_at: str
    transitions: int
    note: str = ""

    def is_renewal_of(self, other: LeaseRecord) -> bool:
        """Whether the holder changed it, and not only the note: each change of the spec has a different time."""
        return replace(self, version="", note="") != replace(other, version="", note="")


def parse_lease(body: Mapping[str, Any], default: float) -> LeaseRecord:
    """`default` is the duration if the Lease has none."""
    spec = body.get("spec") or {}
    return LeaseRecord(
        version=body["metadata"]["resourceVersion"],
        holder=spec.get("holderIdentity") or "",
        duration=float(spec.get("leaseDurationSeconds") or default),
        renewed_at=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
        note=(body["metadata"].get("annotations") or {}).get(NOTE, ""),
    )


def first_claim(namespace: str, name: str, identity: str, now: datetime, duration: int) -> dict[str, Any]:
    """The body that creates the Lease."""
    time = _micro_time(now)
    return {
        "apiVersion": API_VERSION,
        "kind": "Lease",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": duration,
            "acquireTime": time,
            "renewTime": time,
            "leaseTransitions": 0,
        },
    }


def claim(record: LeaseRecord, identity: str, now: datetime, duration: int) -> dict[str, Any]:
    """The change that takes the lease."""
    time = _later_than(record, now)
    return _change(
        record,
        holderIdentity=identity,
        leaseDurationSeconds=duration,
        acquireTime=time,
        renewTime=time,
        leaseTransitions=record.transitions + (record.holder != identity),
    )


def renewal(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """The change that renews it."""
    return _change(record, renewTime=_later_than(record, now))


def release(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """The change that releases it: the next holder need not wait."""
    return _change(record, holderIdentity=None, renewTime=_later_than(record, now))


def note(text: str) -> dict[str, Any]:
    """The change that sets or removes the note; for any version, because it does not renew the lease."""
    return {"metadata": {"annotations": {NOTE: text or None}}}


def _change(record: LeaseRecord, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": record.version}, "spec": spec}


def _later_than(record: LeaseRecord, now: datetime) -> str:
    """A time that differs from the record's: a write without changes gets no new version from the API server, so with a
    clock that does not advance the others would not see the renewal."""
    time = _micro_time(now)
    return time if time != record.renewed_at else _micro_time(now + timedelta(microseconds=1))


def _micro_time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
