"""New data of a ClusterEscEnvironment rolls the workloads of all its namespaces on a real API server. No node runs
here, so a Deployment of no replicas is done at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, stays, variables, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, EVENTS, NAMESPACES, WORKLOADS
from esc_operator.resources.workloads import REVISIONS, parse_stamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_operator import LocalOperator

DEPLOYMENTS, *_ = WORKLOADS
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
FEW = 5


class Wide:
    """A ClusterEscEnvironment that fills a Secret in some namespaces, in each of which a Deployment takes it."""

    def __init__(self, tenant: Tenant) -> None:
        self.cluster = tenant.cluster
        self.name = f"rolls-{tenant.namespace}"
        self.path = CLUSTER_ENVIRONMENTS.path(None, self.name)
        self.labels = {"rolls": tenant.namespace}
        self.namespaces: list[str] = []
        for number in range(FEW):
            self.add(f"{tenant.namespace}-{number}")

    def add(self, namespace: str) -> None:
        self.namespaces.append(namespace)
        self.cluster.must("POST", NAMESPACES.path(), {"metadata": {"name": namespace, "labels": self.labels}})
        container = {"name": "c", "image": "none", "envFrom": [{"secretRef": {"name": self.name}}]}
        labels = {"app": "web"}
        spec = {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        self.cluster.must("POST", DEPLOYMENTS.path(namespace), {"metadata": {"name": "web"}, "spec": spec})

    def edit(self, namespace: str, **spec: Any) -> None:
        self.cluster.must("PATCH", DEPLOYMENTS.path(namespace, "web"), {"spec": spec}, content_type=MERGE)

    def body(self, value: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "ClusterEscEnvironment",
            "metadata": {"name": self.name},
            "spec": {
                "environment": variables(A=value),
                "target": {"namespaceSelector": {"matchLabels": self.labels}},
                "rollout": {"policy": "OnChange", "minInterval": "1s"},
                **spec,
            },
        }

    def apply(self, value: str) -> None:
        self.cluster.must("PATCH", self.path, self.body(value), content_type=APPLY, fieldManager="test", force="true")

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.must("GET", self.path).get("status") or {}
        return status

    def rolled(self) -> tuple[str, int]:
        """The reason of RolledOut, and in how many namespaces all is right."""
        status = self.status()
        reasons = [one["reason"] for one in status.get("conditions") or () if one["type"] == "RolledOut"]
        return "".join(reasons), (status.get("namespaces") or {}).get("rolledOut", -1)

    def until_rolled(self, reason: str, namespaces: int) -> None:
        wait_until(lambda: self.rolled() == (reason, namespaces), f"{reason} in {namespaces}", self.status)

    def marks(self) -> dict[str, str]:
        """The revision that each template names."""
        found = {}
        for namespace in self.namespaces:
            body = self.cluster.must("GET", DEPLOYMENTS.path(namespace, "web"))
            stamps = parse_stamps((body["spec"]["template"]["metadata"].get("annotations") or {}).get(REVISIONS, ""))
            found[namespace] = stamps[self.name].revision if self.name in stamps else ""
        return found

    def events(self) -> list[str]:
        items = self.cluster.must("GET", EVENTS.path("default"))["items"]
        mine = [one for one in items if one["involvedObject"]["name"] == self.name]
        return [one["reason"] for one in mine]


@pytest.fixture
def wide(tenant: Tenant) -> Iterator[Wide]:
    wide = Wide(tenant)
    yield wide
    wide.cluster.request("DELETE", wide.path)
    wide.cluster.give_up_namespaces(*wide.namespaces)


def test_new_data_rolls_all_namespaces_and_a_restart_or_a_new_namespace_nobody_else(
    wide: Wide, operator: LocalOperator
) -> None:
    wide.apply("1")
    wide.until_rolled("RolledOut", FEW)
    assert set(wide.marks().values()) == {""}
    stuck = wide.namespaces[2]
    wide.edit(stuck, paused=True)
    wide.apply("2")
    wide.until_rolled("RolloutBlocked", FEW - 1)
    (behind,) = wide.status()["namespaces"]["behind"]
    assert (behind["namespace"], behind["message"]) == (stuck, "Deployment web: it is paused")
    assert {name for name, mark in wide.marks().items() if not mark} == {stuck}

    operator.stop()
    operator.start()
    wide.edit(stuck, paused=False)
    wide.until_rolled("RolledOut", FEW)
    marks = wide.marks()
    assert set(marks.values()) == {wide.status()["rolledOutRevision"]}
    assert wide.events().count("RollingOut") >= 1
    assert wide.events().count("RolloutBlocked") == 1

    version = wide.cluster.must("GET", wide.path)["metadata"]["resourceVersion"]
    operator.stop()
    operator.start()
    stays(lambda: wide.cluster.must("GET", wide.path)["metadata"]["resourceVersion"] == version, 3)
    wide.add(f"{wide.namespaces[0]}-late")
    wide.until_rolled("RolledOut", FEW + 1)
    assert {**wide.marks(), **marks} == wide.marks()
    wide.apply("3")
    wait_until(
        lambda: set(wide.marks().values()) == {wide.status().get("rolledOutRevision")} - set(marks.values()),
        "all are rolled anew",
        wide.status,
    )


def test_a_rollout_without_a_target_is_refused_by_the_api_server(wide: Wide) -> None:
    body = wide.body("1")
    del body["spec"]["target"]
    status, answer = wide.cluster.request("POST", CLUSTER_ENVIRONMENTS.path(), body)
    assert (status, "set target too" in answer["message"]) == (422, True)
