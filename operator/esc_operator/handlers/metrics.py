"""The only importer of Prometheus' client: the meter that counts, and the text that Prometheus reads.

Events are counted as they happen; state, such as the depth of a queue, is read only for a scrape. Labels are fixed
words and names of installed providers: their number is limited, whatever tenants write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from esc_operator import __version__
from esc_operator.telemetry import Meter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.handlers.environment_metrics import EnvironmentMetrics
    from esc_operator.handlers.snapshot import Snapshot

CONTENT_TYPE = CONTENT_TYPE_LATEST

MOST_REASONS = 100
"""A plug-in may have any number of reasons: further ones are counted as `Other`."""

_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")

_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALLS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WORK = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LATENESS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
_ROTATIONS = (10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 28800)
_ROLLOUTS = (5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600)


class Metrics(Meter):
    """All metrics of a process, except those of single environments, which `counted` writes."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second series
        self._registry = CollectorRegistry(auto_describe=False)
        self._reasons: set[str] = set()
        ProcessCollector(namespace="esc_operator", registry=self._registry)
        self._gauge("info", "The version that runs.", "version").labels(__version__).set(1)
        self._make_counts()
        self._make_gauges()

    def _make_counts(self) -> None:
        counter, histogram = self._counter, self._histogram
        self._requests = counter("kubernetes_requests", "Requests to the API server.", "verb", "resource", "code")
        self._request_seconds = histogram(
            "kubernetes_request_duration_seconds", "How long the API server took.", _REQUESTS, "verb", "resource"
        )
        self._mints = counter("mints", "Credentials that a provider has issued.", "provider")
        self._calls = histogram("provider_call_duration_seconds", "How long a provider took.", _CALLS, "provider")
        self._errors = counter("provider_errors", "Calls of a provider that failed.", "provider", "reason")
        self._held_back = counter(
            "provider_calls_held_back", "Calls not made, because a provider is paused or busy.", "provider"
        )
        self._work = histogram("work_duration_seconds", "How long a reconciliation took.", _WORK, "result")
        self._syncs = counter("syncs", "Syncs of environments, by cause and result.", "cause", "result")
        self._lateness = histogram("refresh_lateness_seconds", "How late refreshes were done.", _LATENESS)
        self._failed_writes = counter(
            "failed_writes", "Writes for an environment that were refused or failed.", "resource", "reason"
        )
        self._stamps = counter("workload_rolls", "Workloads whose pod template was changed to replace their pods.")
        self._rollouts = counter("rollouts", "Rollouts that finished or stopped.", "result")
        self._rollout_seconds = histogram("rollout_duration_seconds", "How long completed rollouts took.", _ROLLOUTS)
        self._rotations = counter("rotations", "EscRotations that have ended.", "result")
        self._rotation_seconds = histogram(
            "rotation_duration_seconds", "How long rotations took.", _ROTATIONS, "result"
        )
        self._rotated = counter("rotated_environments", "Environments of ended EscRotations, by result.", "result")
        # Series start at 0: else an alert would miss the first increase.
        for result in ("completed", "stuck", "blocked", "refused", "reverted"):
            self._rollouts.labels(result)
        for result in ("succeeded", "failed", "stopped"):
            self._rotations.labels(result)
            self._rotation_seconds.labels(result)
        for result in ("succeeded", "failed"):
            self._rotated.labels(result)
        for result in ("done", "refused", "crashed"):
            self._work.labels(result)

    def _make_gauges(self) -> None:
        gauge = self._gauge
        self._leader = gauge("leader", "1 if this process is the leader, 0 if it is a standby.")
        self._depth = gauge("queue_depth", "Environments that wait for a worker.", "lane")
        self._working = gauge("working", "Environments that are worked on.")
        self._scheduled = gauge("scheduled", "Environments with a scheduled reconciliation.")
        self._scheduler_age = gauge("scheduler_age_seconds", "Seconds since the scheduler last ran; at most 60.")
        self._watch_age = gauge(
            "watch_event_age_seconds", "Seconds since the API server last sent anything on a watch.", "watch"
        )
        self._kind_missing = gauge(
            "kind_missing", "1 if the API server does not serve a kind that the operator works on.", "kind"
        )
        self._kind_outdated = gauge(
            "kind_outdated", "1 if a kind's CustomResourceDefinition lacks fields of this version.", "kind"
        )
        self._out_of_order = gauge(
            "provider_out_of_order", "Endpoints of a provider that are paused after failures.", "provider"
        )
        self._skew = gauge("clock_skew_seconds", "How far a provider's clock was ahead of ours.", "provider")
        self._environments = gauge("environments", "Environments that are known.")
        self._conditions = gauge("environment_conditions", "Environments by condition.", "type", "status", "reason")
        self._rotating = gauge("rotations_active", "EscRotations that are running.")
        self._rolling = gauge("workloads_rolling", "Workloads that are rolling out.")

    # Events that are counted.

    def requested(self, verb: str, resource: str, code: str, seconds: float) -> None:
        self._requests.labels(verb, resource, code).inc()
        self._request_seconds.labels(verb, resource).observe(seconds)

    def called(self, provider: str, seconds: float, reason: str = "") -> None:
        self._calls.labels(provider).observe(seconds)
        if reason:
            self._errors.labels(provider, self._bounded(reason)).inc()

    def held_back(self, provider: str) -> None:
        self._held_back.labels(provider).inc()

    def minted(self, provider: str) -> None:
        self._mints.labels(provider).inc()

    def skewed(self, provider: str, seconds: float) -> None:
        self._skew.labels(provider).set(seconds)

    def worked(self, seconds: float, result: str) -> None:
        self._work.labels(result).observe(seconds)

    def synced(self, cause: str, result: str, late: float | None) -> None:
        self._syncs.labels(cause, result).inc()
        if late is not None:
            self._lateness.observe(late)

    def write_failed(self, resource: str, reason: str) -> None:
        self._failed_writes.labels(resource, self._bounded(reason)).inc()

    def stamped(self) -> None:
        self._stamps.inc()

    def rolled_out(self, result: str, seconds: float | None = None) -> None:
        self._rollouts.labels(result).inc()
        if seconds is not None:
            self._rollout_seconds.observe(seconds)

    def rotated(self, result: str, seconds: float, succeeded: int, failed: int) -> None:
        self._rotations.labels(result).inc()
        self._rotation_seconds.labels(result).observe(seconds)
        self._rotated.labels("succeeded").inc(succeeded)
        self._rotated.labels("failed").inc(failed)

    # State that is read for a scrape.

    def text(self, snapshot: Snapshot, counted: EnvironmentMetrics) -> bytes:
        """All metrics, in Prometheus' text format, as of now."""
        self._leader.set(snapshot.leads)
        self._working.set(snapshot.working)
        self._scheduled.set(snapshot.scheduled)
        self._scheduler_age.set(snapshot.scheduler_age)
        self._rolling.set(snapshot.rolling)
        self._rotating.set(snapshot.rotating)
        _set_all(self._depth, snapshot.queue_depth)
        _set_all(self._watch_age, snapshot.watch_ages)
        _set_all(self._out_of_order, snapshot.out_of_order)
        _set_all(self._kind_missing, snapshot.missing_kinds)
        _set_all(self._kind_outdated, snapshot.outdated_kinds)
        self._environments.set(counted.environments)
        self._conditions.clear()
        for (kind, status, reason), count in counted.conditions.items():
            self._conditions.labels(kind, status, self._bounded(reason)).inc(count)
        return generate_latest(self._registry) + counted.text()

    def _bounded(self, reason: str) -> str:
        if reason in self._reasons:
            return reason
        if len(self._reasons) >= MOST_REASONS or not _REASON.fullmatch(reason):
            return "Other"
        self._reasons.add(reason)
        return reason

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"esc_operator_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"esc_operator_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"esc_operator_{name}", text, labels, registry=self._registry, buckets=buckets)


def _set_all(gauge: Gauge, values: Mapping[str, float]) -> None:
    for label, value in values.items():
        gauge.labels(label).set(value)
