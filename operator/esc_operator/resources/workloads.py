"""Workloads, as far as a rollout needs them: which Secrets their pods take, and their progress. Pure.

Kinds that create new pods by themselves (Job, CronJob) are not here: their next run takes the current values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

REVISIONS = "esc-operator.dev/secret-revisions"
"""Annotation of a pod template: the revision of each Secret that its pods should have, and since when."""


class Progress(StrEnum):
    """The progress of a workload's pods with its current template."""

    DONE = "Done"
    RUNNING = "Running"
    STUCK = "Stuck"
    PAUSED = "Paused"
    ON_DELETE = "OnDelete"
    PARTITIONED = "Partitioned"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A revision of a Secret on a pod template, and when it was set."""

    revision: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload. `secrets` are the names of those that its pods take; `stamps` their revisions on its template."""

    kind: str
    name: str
    uid: str
    version: str
    created_at: datetime | None
    secrets: frozenset[str]
    labels: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    progress: Progress
    message: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def parse_workload(kind: str, body: Mapping[str, Any]) -> Workload:
    metadata, spec = body["metadata"], body.get("spec") or {}
    template = spec.get("template") or {}
    progress, message = _progress(kind, body)
    return Workload(
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        created_at=parse_time(metadata.get("creationTimestamp")),
        secrets=frozenset(secrets_of(template.get("spec") or {})),
        labels=metadata.get("labels") or {},
        stamps=parse_stamps(((template.get("metadata") or {}).get("annotations") or {}).get(REVISIONS, "")),
        progress=progress,
        message=message,
    )


def parse_stamps(text: str) -> dict[str, Stamp]:
    """Read the annotation `NAME=REVISION@TIME,…`; an unreadable part counts as absent."""
    stamps = {}
    for part in text.split(","):
        name, _, rest = part.partition("=")
        revision, _, time = rest.partition("@")
        if name and revision:
            stamps[name] = Stamp(revision, _parse_stamp_time(time))
    return stamps


def _parse_stamp_time(text: str) -> datetime | None:
    """Parse it. Users who may edit a workload may write anything there; an invalid time counts as none."""
    try:
        time = parse_time(text)
        return time.astimezone(UTC) if time else None
    except OverflowError:
        return None


def format_stamps(stamps: Mapping[str, Stamp]) -> str:
    return ",".join(
        f"{name}={stamp.revision}" + (f"@{format_time(stamp.at)}" if stamp.at else "")
        for name, stamp in sorted(stamps.items())
    )


def secrets_of(pod: Mapping[str, Any]) -> Iterator[str]:
    """The names of all Secrets that a pod takes into its environment or mounts."""
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        for source in container.get("envFrom") or ():
            yield from _named(source.get("secretRef"), "name")
        for variable in container.get("env") or ():
            yield from _named((variable.get("valueFrom") or {}).get("secretKeyRef"), "name")
    for volume in pod.get("volumes") or ():
        yield from _named(volume.get("secret"), "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _named(source.get("secret"), "name")


def _named(reference: Mapping[str, Any] | None, field: str) -> Iterator[str]:
    if reference and reference.get(field):
        yield reference[field]


def _progress(kind: str, body: Mapping[str, Any]) -> tuple[Progress, str]:
    """The progress of the pods, and what delays them."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if spec.get("paused"):
        return Progress.PAUSED, "it is paused"
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return Progress.ON_DELETE, "its update strategy is OnDelete: delete its pods by hand"
    # Argo keeps a text there.
    if str(status.get("observedGeneration") or 0) != str(body["metadata"].get("generation") or 0):
        return Progress.RUNNING, "its controller has not observed it yet"
    return _COUNTS[kind](spec, status)


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Progress, str]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress.STUCK, "it exceeded its progress deadline"
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas") or 0, status.get("replicas") or 0
    if updated < wanted or total > updated or (status.get("availableReplicas") or 0) < updated:
        return Progress.RUNNING, f"{updated} of {wanted} pods are new"
    return Progress.DONE, ""


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Progress, str]:
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    replicas = spec.get("replicas", 1)
    kept = min(partition, replicas)
    updated = status.get("updatedReplicas") or 0
    ready = (status.get("readyReplicas") or 0) >= replicas
    finished = kept > 0 or status.get("currentRevision") == status.get("updateRevision")
    if updated < replicas - kept or not ready or not finished:
        return Progress.RUNNING, f"{updated} of {replicas - kept} pods are new"
    if updated < replicas:
        return Progress.PARTITIONED, f"its partition keeps {kept} of {replicas} pods as they are"
    return Progress.DONE, ""


def _daemon_set(_: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Progress, str]:
    wanted = status.get("desiredNumberScheduled") or 0
    updated = status.get("updatedNumberScheduled") or 0
    if updated < wanted or (status.get("numberAvailable") or 0) < wanted:
        return Progress.RUNNING, f"{updated} of {wanted} pods are new"
    return Progress.DONE, ""


def _argo_rollout(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Progress, str]:
    phase = status.get("phase") or "Progressing"
    if phase == "Healthy":
        return Progress.DONE, ""
    if phase == "Degraded":
        return Progress.STUCK, status.get("message") or "it is degraded"
    if phase == "Paused" and not _goes_on_by_itself(spec, status):
        return Progress.PAUSED, "it is paused until someone promotes it"
    return Progress.RUNNING, f"it is {phase.lower()}"


def _goes_on_by_itself(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether the current step of an Argo Rollout's canary is a pause with an end."""
    steps = ((spec.get("strategy") or {}).get("canary") or {}).get("steps") or ()
    index = status.get("currentStepIndex")
    present = steps[index] if isinstance(index, int) and 0 <= index < len(steps) else {}
    return bool((present.get("pause") or {}).get("duration"))


_COUNTS = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Rollout": _argo_rollout,
}
