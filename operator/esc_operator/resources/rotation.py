"""EscRotation: which environments get new credentials, how fast, and its progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import format_optional_time, parse_time
from esc_operator.resources import MADE_BY, ROTATE_COMMAND
from esc_operator.resources.conditions import Condition, parse_condition, shorten
from esc_operator.resources.definition_source import PULUMI
from esc_operator.resources.environment import Key, key_of
from esc_operator.resources.requirements import LabelSelector, parse_label_selector

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NO_ORGANIZATIONS = f"only {PULUMI} has organizations: leave provider out, or set it to {PULUMI}"
"""The refusal of a selector with an organization and another provider."""

DEFAULT_AT_ONCE = 10
MOST_AT_ONCE = 500

DEFAULT_HISTORY = 10
"""How many ended EscRotations of `esc rotate` are kept, of those that succeeded and of those that did not."""

MAX_LISTED = 50
"""How many environments a status names, of those that failed or, in a dry run, would be rotated."""
LONGEST_MESSAGE = 256
"""Characters of one failure's message: all together stay far below the size limit of an object."""

COMPLETE = "Complete"
"""The last run has ended, and every environment that it selected has new values."""

FAILED = "Failed"
"""The last run has ended, and some environment has no new values."""


class Phase(StrEnum):
    """The phase of an EscRotation; shown by `kubectl get`."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    DRY_RUN = "DryRun"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which environments to rotate: those that match every field that is set; all, if none is.

    `labels` are those of environments. `namespaces` are names, and `namespace_labels` labels of namespaces: with one of
    them, no ClusterEscEnvironment is selected. `provider`, `role`, a pattern as in allow-lists
    (`resources.allowances`), and `organization`, in any case of letters, have to match the same login.
    """

    labels: LabelSelector = field(default_factory=LabelSelector)
    namespaces: tuple[str, ...] = ()
    namespace_labels: LabelSelector | None = None
    provider: str = ""
    role: str = ""
    organization: str = ""

    def describe(self) -> str:
        """The selector, for messages."""
        given = (
            ("namespaces", ", ".join(self.namespaces[:5]) + (", …" if len(self.namespaces) > 5 else "")),
            ("namespaceSelector", "" if self.namespace_labels is None else "given"),
            ("labels", "given" if self.labels != LabelSelector() else ""),
            ("provider", self.provider),
            ("role", shorten(self.role)),
            ("organization", self.organization),
        )
        fields = "; ".join(f"{name}: {value}" for name, value in given if value)
        return f"the selector ({fields})" if fields else "the empty selector"

    @property
    def names_login(self) -> bool:
        """Whether it selects by login."""
        return bool(self.provider or self.role or self.organization)


@dataclass(frozen=True, slots=True)
class EscRotation:
    """The spec of one EscRotation.

    `at_once` limits how many environments run, `stop_after` how many may fail in a namespace, and in how many
    namespaces; None: any number. `allows_none`: selecting nothing is no failure. `rolls` is False if pods must not be
    replaced. `pulumi_rotators`: rotators of environments in Pulumi Cloud rotate there, too. `schedule` is a cron
    expression in `time_zone`, "" for one run at once. `is_from_command`: `esc rotate` made it, not a person.
    """

    name: str
    uid: str
    generation: int
    created_at: datetime | None
    selector: Selector = field(default_factory=Selector)
    at_once: int = DEFAULT_AT_ONCE
    rolls: bool = True
    pulumi_rotators: bool = False
    stop_after: int | None = None
    dry_run: bool = False
    schedule: str = ""
    time_zone: str = "UTC"
    suspend: bool = False
    allows_none: bool = False
    is_from_command: bool = False

    def run_id(self, run: int) -> str:
        """The id of a run in the environments' status: unique, and the same after a restart."""
        return f"{self.uid}/{run}" if self.schedule else self.uid


def _named(key: Key) -> dict[str, str]:
    """An environment in a status: a ClusterEscEnvironment has no namespace, and its kind in the name."""
    return {"namespace": key.namespace, "name": key.name} if key.namespace else {"name": key.full_name}


@dataclass(frozen=True, slots=True)
class Failure:
    """An environment that did not get new values, and why."""

    key: Key
    reason: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        message = self.message if len(self.message) <= LONGEST_MESSAGE else self.message[: LONGEST_MESSAGE - 1] + "…"
        return {**_named(self.key), "reason": self.reason, "message": message}


@dataclass(frozen=True, slots=True)
class Planned:
    """An environment that a dry run would have rotated, and when its values expire. `unsure`: its login is hidden."""

    key: Key
    expires_at: datetime | None
    unsure: bool = False

    def to_dict(self) -> dict[str, Any]:
        expires = {"expiresAt": format_optional_time(self.expires_at)} if self.expires_at else {}
        return _named(self.key) | expires | ({"roleHidden": True} if self.unsure else {})


@dataclass(frozen=True, slots=True)
class Counts:
    """Environments of one run. `selected` is their total; each is counted in exactly one of the other fields."""

    selected: int = 0
    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def progress(self) -> str:
        return f"{self.succeeded}/{self.selected - self.skipped}"


@dataclass(frozen=True, slots=True)
class RotationStatus:
    """The progress. `run` is the number of the last run, 0: none yet; the other fields are about that run."""

    phase: Phase = Phase.PENDING
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    run: int = 0
    counts: Counts = Counts()
    failures: tuple[Failure, ...] = ()
    planned: tuple[Planned, ...] = ()
    started_at: datetime | None = None
    completed_at: datetime | None = None
    last_schedule_time: datetime | None = None
    next_schedule_time: datetime | None = None

    @property
    def is_under_way(self) -> bool:
        return self.run > 0 and self.completed_at is None

    @property
    def is_success(self) -> bool:
        return self.phase in {Phase.SUCCEEDED, Phase.DRY_RUN}

    @property
    def seconds(self) -> float:
        """The duration of the ended run."""
        if self.started_at is None or self.completed_at is None:
            return 0.0
        return (self.completed_at - self.started_at).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """As the API server stores it; absent fields are None, so that a merge patch clears them."""
        counts = self.counts
        return {
            "phase": str(self.phase),
            "conditions": [condition.to_dict() for condition in self.conditions],
            "observedGeneration": self.observed_generation,
            "run": self.run or None,
            "progress": counts.progress if self.run else None,
            "selected": counts.selected,
            "waiting": counts.waiting,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "skipped": counts.skipped,
            "failures": [failure.to_dict() for failure in self.failures[:MAX_LISTED]] or None,
            "planned": [planned.to_dict() for planned in self.planned[:MAX_LISTED]] or None,
            "startedAt": format_optional_time(self.started_at),
            "completedAt": format_optional_time(self.completed_at),
            "lastScheduleTime": format_optional_time(self.last_schedule_time),
            "nextScheduleTime": format_optional_time(self.next_schedule_time),
        }


def parse_rotation(body: Mapping[str, Any]) -> EscRotation:
    """Read an EscRotation that the API server has validated against the CRD."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    return EscRotation(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        created_at=parse_time(metadata.get("creationTimestamp")),
        selector=parse_selector(spec.get("selector") or {}),
        at_once=spec.get("maxConcurrent") or DEFAULT_AT_ONCE,
        rolls=spec.get("rollout", True) is not False,
        pulumi_rotators=bool(spec.get("pulumiRotators", False)),
        stop_after=spec.get("stopAfterFailures") or None,
        dry_run=bool(spec.get("dryRun", False)),
        schedule=spec.get("schedule") or "",
        time_zone=spec.get("timeZone") or "UTC",
        suspend=bool(spec.get("suspend", False)),
        allows_none=bool(spec.get("allowNone", False)),
        is_from_command=(metadata.get("labels") or {}).get(MADE_BY) == ROTATE_COMMAND,
    )


def parse_selector(data: Mapping[str, Any]) -> Selector:
    of_namespaces, organization = data.get("namespaceSelector"), data.get("organization") or ""
    return Selector(
        labels=parse_label_selector(data),
        namespaces=tuple(data.get("namespaces") or ()),
        namespace_labels=None if of_namespaces is None else parse_label_selector(of_namespaces),
        provider=data.get("provider") or (PULUMI if organization else ""),
        role=data.get("role") or "",
        organization=organization,
    )


def parse_rotation_status(data: Mapping[str, Any] | None) -> RotationStatus:
    """Read a status; whatever is absent or unreadable counts as never written."""
    data = data or {}
    phase = data.get("phase")
    return RotationStatus(
        phase=Phase(phase) if phase in set(Phase) else Phase.PENDING,
        conditions=tuple(parse_condition(item) for item in data.get("conditions") or ()),
        observed_generation=data.get("observedGeneration") or 0,
        run=data.get("run") or 0,
        counts=Counts(
            *(data.get(name) or 0 for name in ("selected", "waiting", "running", "succeeded", "failed", "skipped"))
        ),
        failures=tuple(
            Failure(_key(item), item.get("reason") or "", shorten(item.get("message") or ""))
            for item in data.get("failures") or ()
        ),
        planned=tuple(
            Planned(_key(item), parse_time(item.get("expiresAt")), bool(item.get("roleHidden")))
            for item in data.get("planned") or ()
        ),
        started_at=parse_time(data.get("startedAt")),
        completed_at=parse_time(data.get("completedAt")),
        last_schedule_time=parse_time(data.get("lastScheduleTime")),
        next_schedule_time=parse_time(data.get("nextScheduleTime")),
    )


def _key(data: Mapping[str, Any]) -> Key:
    return key_of(data.get("name") or "", data.get("namespace") or "")
