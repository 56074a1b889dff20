"""The world of `rollout_world.py`, with EscRotations in it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import format_time
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, NAMESPACES, ROTATIONS, SECRETS
from esc_operator.reconciliation.rotations.controller import RotationController
from esc_operator.reconciliation.rotations.gather import RotationGatherer
from esc_operator.reconciliation.sync.gather import Gatherer
from esc_operator.resources.environment import Key
from esc_operator.resources.rotation import DEFAULT_HISTORY
from esc_operator.resources.sync_record import parse_sync_record
from unit.reconciliation.rollout_world import RolloutWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from esc_operator.reconciliation.controller.reconciler import Reconciler


KINDS = frozenset({ENVIRONMENTS.plural, CLUSTER_ENVIRONMENTS.plural})


class RotationWorld(RolloutWorld):
    """`most_under_way` is how many environments were ever asked and had not honoured it."""

    def __init__(self, at_once: int = 10) -> None:
        super().__init__(at_once)
        self.rotations: RotationController | None = None
        self.most_under_way = 0
        self.history = DEFAULT_HISTORY
        self.order: list[str] = []
        self._asked: dict[str, str] = {}

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Reconciler]:
        async with super().operator() as reconciler:
            gatherer = RotationGatherer(
                self.api, Gatherer(self.api, self.secrets, self.seconds), self.secrets, reconciler.cache, self.labels_of
            )
            rotations = self.rotations = RotationController(
                self.api, gatherer, self.now, self.telemetry, history=self.history, on_begin=self.cloud.renounce
            )
            task = asyncio.create_task(rotations.run())
            try:
                for (plural, _), body in list(self.api.objects.items()):
                    if plural == ROTATIONS.plural:
                        rotations.on_rotation(body)
                await self.settle()
                yield reconciler
                assert not task.done(), task
            finally:
                self.rotations = None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def labels_of(self, namespace: str) -> dict[str, str] | None:
        """Of a namespace, as the operator knows them."""
        body = self.api.objects.get((NAMESPACES.plural, Key("", namespace)))
        return body["metadata"]["labels"] if body else None

    def rotate(self, name: str = "leak", /, **spec: Any) -> None:
        """Create an EscRotation, or edit its spec."""
        key = Key("", name)
        old = self.api.objects.get((ROTATIONS.plural, key))
        metadata = old["metadata"] if old else self.api._metadata(key) | {"creationTimestamp": format_time(self.time)}
        generation = metadata.get("generation", 0) + 1
        body = {
            "metadata": {**metadata, "generation": generation},
            "spec": {"selector": {}, **spec},
            "status": (old or {}).get("status", {}),
        }
        self._told(self.api._put(ROTATIONS, body))

    def drop_rotation(self, name: str = "leak") -> None:
        body = self.api._find(ROTATIONS, Key("", name))
        self.api._delete(ROTATIONS, Key("", name))
        self._told(body)

    def _told(self, body: dict[str, Any]) -> None:
        if self.rotations is not None:
            self.rotations.on_rotation(body)

    def _deliver(self, kind: str, body: dict[str, Any]) -> None:
        self.count()
        super()._deliver(kind, body)

    def count(self) -> None:
        """Note who was asked, in order, and how many are under way."""
        under_way = 0
        for (plural, key), body in self.api.objects.items():
            asked = body.get("status", {}).get("rotation", {}).get("id") if plural in KINDS else None
            if not asked:
                continue
            if self._asked.get(body["metadata"]["uid"]) != asked:
                self._asked[body["metadata"]["uid"]] = asked
                self.order.append(key.name)
            under_way += self.honoured(key.name, key.namespace) != asked
        self.most_under_way = max(self.most_under_way, under_way)

    def honoured(self, name: str, namespace: str = "apps") -> str:
        """The run that the Secret of an environment says it honours, or all those of one of the cluster."""
        found = [
            parse_sync_record(body["metadata"].get("annotations"))
            for (plural, key), body in self.api.objects.items()
            if plural == SECRETS.plural and key.name == name and (not namespace or key.namespace == namespace)
        ]
        runs = {record.rotation if record else "" for record in found}
        return runs.pop() if len(runs) == 1 else ""

    async def settle(self) -> None:
        while True:
            await super().settle()
            if self.rotations is None or not len(self.rotations.queue):
                return

    async def look(self) -> None:
        if self.rotations is not None:
            self.rotations.wake_due()
        await super().look()

    def rotation(self, name: str = "leak") -> dict[str, Any]:
        status: dict[str, Any] = self.api._find(ROTATIONS, Key("", name)).get("status", {})
        return status

    def tally(self, name: str = "leak") -> tuple[str, int, int, int, int, int, int]:
        """Phase, then selected, waiting, running, succeeded, failed, skipped."""
        status = self.rotation(name)
        names = ("selected", "waiting", "running", "succeeded", "failed", "skipped")
        return (status.get("phase", ""), *(status.get(each, 0) for each in names))
