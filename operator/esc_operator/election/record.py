"""What a Lease says, and the bodies of the three writes to it. Pure.

Each write but the first names the version that it changes, so of two that were decided on the same record one fails.
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
"""Annotation of the Lease: a note of one leader to the next, of which nothing is known here."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """`holder` is empty where nobody holds it. `duration`: seconds for which the others keep away after each change.
    `renewed_at` is only for people, and for a record to differ from the one before. `transitions` counts holders.
    `note` is what a leader has left for the next one."""

    version: str
    holder: str
    duration: float
    renewed_at: str
    transitions: int
    note: str = ""

    def is_renewal_of(self, other: LeaseRecord) -> bool:
        """Whether its holder has said something, and not only somebody else about it: each change of the spec has a
        time of its own."""
        return replace(self, version="", note="") != replace(other, version="", note="")


def parse_lease(body: Mapping[str, Any], default: float) -> LeaseRecord:
    """`default` is the duration of one that names none."""
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
    """The Lease that did not exist."""
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
    """The change by which it becomes ours."""
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
    """The change by which it stays ours."""
    return _change(record, renewTime=_later_than(record, now))


def release(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """The change by which it is nobody's: the next one need not wait."""
    return _change(record, holderIdentity=None, renewTime=_later_than(record, now))


def note(text: str) -> dict[str, Any]:
    """The change that leaves a note, or takes it away; of whichever version, because it renews nothing."""
    return {"metadata": {"annotations": {NOTE: text or None}}}


def _change(record: LeaseRecord, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": record.version}, "spec": spec}


def _later_than(record: LeaseRecord, now: datetime) -> str:
    """A time that differs from the record's: the API server makes no new version of a write that changes nothing, and
    to the others a renewal by a clock that stands still would look like none."""
    time = _micro_time(now)
    return time if time != record.renewed_at else _micro_time(now + timedelta(microseconds=1))


def _micro_time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
