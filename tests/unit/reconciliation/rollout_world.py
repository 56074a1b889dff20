"""The world of `world.py`, with workloads in it whose controller the test plays."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from esc_operator.errors import ConflictError, NotFoundError
from esc_operator.formats.times import format_time
from esc_operator.kube.paths import WORKLOADS, Resource
from esc_operator.reconciliation.rollouts.status import Rollouts
from esc_operator.resources.environment import Key
from esc_operator.resources.workloads import REVISIONS, Stamp, parse_stamps
from unit.reconciliation.fake_api import FakeApi
from unit.reconciliation.world import START, Cloud, World, login, static

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.kube.pages import Page

T = TypeVar("T")

DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, ARGO_ROLLOUTS = WORKLOADS
KINDS = {resource.kind: resource for resource in WORKLOADS}

REPLICAS = 2


def taking(*secrets: str) -> dict[str, Any]:
    """A pod that takes those Secrets."""
    return {"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": name}} for name in secrets]}]}


def rolling(spec: Mapping[str, Any], **rollout: Any) -> dict[str, Any]:
    """An environment whose workloads are rolled."""
    return {**spec, "rollout": {"policy": "OnChange", "minInterval": "10s", **rollout}}


def rolling_login(life: timedelta = timedelta(hours=1), **rollout: Any) -> dict[str, Any]:
    return rolling(login(life), **rollout)


def rolling_value(value: str, **rollout: Any) -> dict[str, Any]:
    return rolling(static(A=value), **rollout)


class RolloutApi(FakeApi):
    """`patches` are the workloads that were patched, in order, and `patched` with their namespaces; `listed` the
    namespaces whose workloads were listed. Where `pods_come`, pods are there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pods_come = False
        self.patches: list[str] = []
        self.patched: list[Key] = []
        self.listed: list[str] = []
        self.refusals["list_page", ARGO_ROLLOUTS.plural] = NotFoundError("the server has no such resource")

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None,
        each: Callable[[dict[str, Any]], T],
        *,
        accept: str = "",
        **query: str,
    ) -> Page[T]:
        if resource in WORKLOADS:
            self.listed.append(namespace or "")
        return await super().list_page(resource, namespace, each, accept=accept, **query)

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], accept: str = ""
    ) -> dict[str, Any]:
        if resource not in WORKLOADS:
            return await super().patch(resource, namespace, name, body, accept)
        async with self._request("patch", resource, name):
            found, expected = self._find(resource, Key(namespace, name)), body["metadata"]
            if any(found["metadata"][field] != expected[field] for field in ("uid", "resourceVersion")):
                raise ConflictError("the object has been modified")
            annotations = found["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})
            annotations.update(body["spec"]["template"]["metadata"]["annotations"])
            found["metadata"]["generation"] += 1
            self.patches.append(name)
            self.patched.append(Key(namespace, name))
            answer = self._put(resource, found)
            if self.pods_come:
                self.arrive(name, resource, namespace)
            return answer

    def put_workload(
        self,
        name: str,
        pod: Mapping[str, Any],
        resource: Resource = DEPLOYMENTS,
        *,
        namespace: str = "apps",
        age: timedelta = timedelta(hours=1),
        labels: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> None:
        """Create a workload, with all its pods in place."""
        metadata = {
            **self._metadata(Key(namespace, name)),
            "generation": 1,
            "creationTimestamp": format_time(START - age),
            "labels": dict(labels or {}),
        }
        spec = {"replicas": REPLICAS, "template": {"spec": copy.deepcopy(dict(pod))}, **spec}
        self._put(resource, {"metadata": metadata, "spec": spec})
        self.arrive(name, resource, namespace)

    def arrive(self, name: str, resource: Resource = DEPLOYMENTS, namespace: str = "apps", new: int = REPLICAS) -> None:
        """So many pods of the present template have come; the others are as they were."""
        body = self._find(resource, Key(namespace, name))
        generation = body["metadata"]["generation"]
        body["status"] = {
            "observedGeneration": generation if resource is not ARGO_ROLLOUTS else str(generation),
            "replicas": REPLICAS,
            "updatedReplicas": new,
            "availableReplicas": REPLICAS,
            "readyReplicas": REPLICAS,
            "currentRevision": "r-2" if new == REPLICAS else "r-1",
            "updateRevision": "r-2",
            "desiredNumberScheduled": REPLICAS,
            "updatedNumberScheduled": new,
            "numberAvailable": REPLICAS,
            "phase": "Healthy" if new == REPLICAS else "Progressing",
        }
        self._put(resource, body)

    def edit(self, name: str, resource: Resource = DEPLOYMENTS, *, namespace: str = "apps", **spec: Any) -> None:
        """Change the spec of a workload as somebody else."""
        body = self._find(resource, Key(namespace, name))
        body["spec"] = {**body["spec"], **spec}
        body["metadata"]["generation"] += 1
        self._put(resource, body)

    def touch(self, name: str, resource: Resource = DEPLOYMENTS, **labels: str) -> None:
        """A change that makes another version of it and nothing else."""
        body = self._find(resource, Key("apps", name))
        body["metadata"]["labels"].update(labels)
        self._put(resource, body)

    def take_off(self, name: str, resource: Resource = DEPLOYMENTS, namespace: str = "apps") -> None:
        """Apply the manifest of a workload again that knows nothing of marks."""
        body = self._find(resource, Key(namespace, name))
        body["spec"]["template"]["metadata"]["annotations"] = {}
        body["metadata"]["generation"] += 1
        self._put(resource, body)

    def marks(self, name: str, resource: Resource = DEPLOYMENTS, namespace: str = "apps") -> dict[str, Stamp]:
        template = self._find(resource, Key(namespace, name))["spec"]["template"]
        return parse_stamps(template.get("metadata", {}).get("annotations", {}).get(REVISIONS, ""))

    def lists(self) -> int:
        """How often workloads were listed."""
        kinds = {resource.plural for resource in WORKLOADS}
        return sum(call.verb == "list_page" and call.plural in kinds for call in self.calls)


class RolloutWorld(World):
    """`at_once`: so many workloads are rolled at a time."""

    api: RolloutApi
    rollouts: Rollouts

    def __init__(self, at_once: int = 10) -> None:
        super().__init__()
        self.api = RolloutApi()
        self.cloud = Cloud(self.now, self.api)
        self.at_once = at_once

    def start_rollouts(self) -> Rollouts:
        self.rollouts = Rollouts(self.api, self.now, self.at_once, self.telemetry)
        return self.rollouts

    async def put(self, name: str, spec: Mapping[str, Any], **metadata: Any) -> None:
        self.api.put_environment(name, spec, **metadata)
        await self.settle()

    def rolled_out(self, name: str) -> tuple[str, str]:
        """Status and reason of RolledOut."""
        found = self.condition(name, "RolledOut")
        return found.get("status", ""), found.get("reason", "")
