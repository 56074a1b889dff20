"""Sees every state that a namespace's pods go through, and counts them: a watch, which a list now and then is not.

Pods belong to a workload by their label `app`. What is told is exact as of the API server's order of changes.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from kubernetes import config

from esc_operator.resources.workloads import REVISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from cluster.harness import Cluster

_ROUND_SECONDS = 3
"""A watch is asked for again so often, at the change it has come to: only then it can end."""


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


class PodWatch:
    """Watches within its `with` block."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._client = config.new_client_from_config(str(cluster.kubeconfig), cluster.context)
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._pods: dict[str, Pod] = {}
        self._least: dict[str, int] = {}
        self._counting = False
        self.failure = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(_ROUND_SECONDS * 3)
        self._client.close()

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

    def _run(self) -> None:
        try:
            version = self._begin()
            while not self._ending.is_set():
                for event in self._events(version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._take(event["type"], event["object"])
        except Exception as error:  # noqa: BLE001 - whatever ends the watch makes its counts worthless, and is told
            self.failure = f"the watch of pods ended: {type(error).__name__}: {error}"

    def _begin(self) -> str:
        found = self._ask()
        with found:
            page = json.loads(found.read())
        for body in page["items"]:
            self._take("ADDED", body)
        return str(page["metadata"]["resourceVersion"])

    def _events(self, version: str) -> Iterator[dict[str, Any]]:
        answer = self._ask(watch="true", resourceVersion=version, timeoutSeconds=str(_ROUND_SECONDS))
        with contextlib.closing(answer):
            rest = b""
            for part in answer.stream(65536):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise RuntimeError(event["object"].get("message"))
                    yield event

    def _ask(self, **query: str) -> Any:
        return self._client.call_api(
            self._path,
            "GET",
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=(5, _ROUND_SECONDS * 4),
        )

    def _take(self, kind: str, body: Mapping[str, Any]) -> None:
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
