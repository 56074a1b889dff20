"""Sees every state of a namespace's Secrets."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.watching import Watch
from esc_operator.kube.paths import SECRETS
from esc_operator.resources.sync_record import parse_sync_record
from failover.findings import Written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.harness import Cluster

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


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


class SecretWatch(Watch):
    """`states` grows within its `with` block."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        super().__init__(cluster, SECRETS, namespace)
        self.states: list[State] = []

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        record = parse_sync_record(body["metadata"].get("annotations") or {})
        if kind == "DELETED" or record is None:
            return
        values = tuple(base64.b64decode((body.get("data") or {}).get(key, "")).decode() for key in KEYS)
        self.states.append(State(body["metadata"]["name"], values, record.generation, record.rotate_request))
