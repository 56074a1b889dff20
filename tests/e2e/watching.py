"""Sees every state that a namespace's pods go through, and counts them.

Pods belong to a workload by their label `app`. What is told is exact as of the API server's order of changes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.watching import Watch
from e2e.pods import PODS
from esc_operator.resources.workloads import REVISIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.harness import Cluster


@dataclass
class Pod:
    """One pod, from its first change to its last. Times are of this machine's clock, when a change was seen."""

    workload: str
    mark: str
    """What its template said of revisions of Secrets."""
    created: float
    ready: bool = False
    first_ready: float | None = None
    deleting: bool = False
    gone: float | None = None
    restarts: int = 0
    bad_exits: set[int] = field(default_factory=set)

    @property
    def serves(self) -> bool:
        return self.ready and not self.deleting and self.gone is None


class PodWatch(Watch):
    """Watches within its `with` block."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        super().__init__(cluster, PODS, namespace)
        self._lock = threading.Lock()
        self._pods: dict[str, Pod] = {}
        self._least: dict[str, int] = {}
        self._counting = False

    def count_from_now(self) -> None:
        """From here on the least number of pods that serve is remembered."""
        with self._lock:
            self._counting = True
            self._least = {}
            for workload in {pod.workload for pod in self._pods.values()}:
                self._note(workload)

    def least_serving(self, workload: str) -> int:
        """The least number of pods that served at any moment since `count_from_now`."""
        with self._lock:
            return self._least.get(workload, 0)

    def pods(self, workload: str = "") -> list[Pod]:
        """All pods that there ever were, in the order of their appearance."""
        with self._lock:
            return [pod for pod in self._pods.values() if workload in ("", pod.workload)]

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        metadata, now = body["metadata"], time.time()
        with self._lock:
            pod = self._pods.get(metadata["uid"])
            if pod is None:
                mark = (metadata.get("annotations") or {}).get(REVISIONS, "")
                pod = self._pods[metadata["uid"]] = Pod(metadata["labels"]["app"], mark, now)
            _update(pod, body, now)
            if kind == "DELETED":
                pod.gone = now
            self._note(pod.workload)

    def _note(self, workload: str) -> None:
        if self._counting:
            serving = sum(pod.serves for pod in self._pods.values() if pod.workload == workload)
            self._least[workload] = min(serving, self._least.get(workload, serving))


def _update(pod: Pod, body: Mapping[str, Any], now: float) -> None:
    status = body.get("status") or {}
    pod.deleting = "deletionTimestamp" in body["metadata"]
    pod.ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    if pod.ready and pod.first_ready is None:
        pod.first_ready = now
    for container in status.get("containerStatuses") or ():
        pod.restarts = max(pod.restarts, container.get("restartCount") or 0)
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            code = (state.get("terminated") or {}).get("exitCode", 0)
            # 137: killed after its grace, as a pod may be that is asked to end while it starts.
            if code and not (pod.deleting and code == 137):
                pod.bad_exits.add(code)
