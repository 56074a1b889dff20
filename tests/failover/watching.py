"""Sees every state of a namespace's Secrets: a watch, in the API server's own order."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from kubernetes import config

from esc_operator.kube.paths import SECRETS
from esc_operator.resources.sync_record import parse_sync_record
from failover.findings import Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from cluster.harness import Cluster

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_ROUND_SECONDS = 3


@dataclass(frozen=True)
class State:
    """What a Secret held, and what its record said."""

    environment: str
    values: tuple[str, ...]
    generation: int
    request: str

    def judged(self, triples: Mapping[str, tuple[str, ...]]) -> Written:
        """`triples`: for each key the values that were minted with it."""
        key = self.values[0]
        whole = triples.get(key) == self.values
        return Written(self.environment, key, self.generation, self.request, whole)


class SecretWatch:
    """Watches within its `with` block; `states` grows meanwhile. `failure` is empty, or why the watch ended."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._client = config.new_client_from_config(str(cluster.kubeconfig), cluster.context)
        self._path = SECRETS.path(namespace)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ending = threading.Event()
        self.states: list[State] = []
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

    def _run(self) -> None:
        try:
            with contextlib.closing(self._ask()) as answer:
                version = json.loads(answer.read())["metadata"]["resourceVersion"]
            while not self._ending.is_set():
                for event in self._events(version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._take(event["type"], event["object"])
        except Exception as error:  # noqa: BLE001 - whatever ends the watch makes its states worthless, and is told
            self.failure = f"the watch of Secrets ended: {type(error).__name__}: {error}"

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

    def _take(self, kind: str, body: Mapping[str, Any]) -> None:
        record = parse_sync_record(body["metadata"].get("annotations") or {})
        if kind == "DELETED" or record is None:
            return
        values = tuple(base64.b64decode((body.get("data") or {}).get(key, "")).decode() for key in KEYS)
        self.states.append(State(body["metadata"]["name"], values, record.generation, record.rotate_request))

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
