"""Sees every state that the objects of a namespace go through: a watch, which a list now and then is not."""

from __future__ import annotations

import abc
import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any, Self

from kubernetes import config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from cluster.harness import Cluster
    from esc_operator.kube.paths import Resource

_ROUND_SECONDS = 3
"""A watch is asked for again so often, at the change it has come to: only then it can end."""


class Watch(abc.ABC):
    """Watches within its `with` block, on a thread of its own. `failure` is empty, or why it ended before."""

    def __init__(self, cluster: Cluster, resource: Resource, namespace: str) -> None:
        self._client = config.new_client_from_config(str(cluster.kubeconfig), cluster.context)
        self._resource = resource
        self._path = resource.path(namespace)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ending = threading.Event()
        self.failure = ""

    @abc.abstractmethod
    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Called with each state, on the thread, in the API server's own order. `kind` is ADDED for what was there."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(_ROUND_SECONDS * 3)
        self._client.close()

    def _run(self) -> None:
        try:
            version = self._begin()
            while not self._ending.is_set():
                for event in self._events(version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    self.take(event["type"], event["object"])
        except Exception as error:  # noqa: BLE001 - whatever ends the watch makes worthless what it saw, and is told
            self.failure = f"the watch of {self._resource.plural} ended: {type(error).__name__}: {error}"

    def _begin(self) -> str:
        with contextlib.closing(self._ask()) as answer:
            page = json.loads(answer.read())
        for body in page["items"]:
            self.take("ADDED", body)
        return str(page["metadata"]["resourceVersion"])

    def _events(self, version: str) -> Iterator[dict[str, Any]]:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_ROUND_SECONDS)}
        with contextlib.closing(self._ask(**query)) as answer:
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
            _request_timeout=(10, 60),
        )
