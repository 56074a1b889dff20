"""One evaluation in 500 namespaces of a real API server: one call of the provider, whatever happens in between."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, stays, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, NAMESPACES, SECRETS
from esc_operator.resources import ROTATE_REQUESTED_AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_operator import LocalOperator

MANY = 500
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Wide:
    """A ClusterEscEnvironment that fills a Secret in all namespaces with a label of this test's own."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.cluster = tenant, tenant.cluster
        self.name = f"wide-{tenant.namespace}"
        self.path = CLUSTER_ENVIRONMENTS.path(None, self.name)
        self.labels = {"fan-out": tenant.namespace}
        self.namespaces = [f"{tenant.namespace}-{number}" for number in range(MANY)]

    def make(self, *names: str) -> None:
        def create(name: str) -> None:
            body = {"metadata": {"name": name, "labels": self.labels}}
            self.cluster.must("POST", NAMESPACES.path(), body)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(create, names))

    def apply(self) -> None:
        spec = {
            "environment": self.tenant.login(),
            "serviceAccount": {"namespace": self.tenant.namespace, "name": "default"},
            "target": {"namespaceSelector": {"matchLabels": self.labels}},
        }
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "ClusterEscEnvironment",
            "metadata": {"name": self.name},
            "spec": spec,
        }
        self.cluster.must("PATCH", self.path, body, content_type=APPLY, fieldManager="test", force="true")

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.must("GET", self.path).get("status") or {}
        return status

    def secrets(self) -> dict[str, dict[str, Any]]:
        """By namespace."""
        found = self.cluster.must("GET", SECRETS.path(), fieldSelector=f"metadata.name={self.name}")["items"]
        return {one["metadata"]["namespace"]: one for one in found}

    def values(self) -> set[str]:
        return {one["data"]["AWS_SESSION_TOKEN"] for one in self.secrets().values()}

    def synced(self) -> int:
        count: int = (self.status().get("namespaces") or {}).get("synced", 0)
        return count

    def until_synced(self, count: int, patience: float = 120) -> None:
        wait_until(lambda: self.synced() == count, f"{count} are synced", self.status, patience=patience)


@pytest.fixture
def wide(tenant: Tenant) -> Iterator[Wide]:
    wide = Wide(tenant)
    yield wide
    wide.cluster.request("DELETE", wide.path)
    wide.cluster.give_up_namespaces(*wide.namespaces)


@pytest.mark.timeout(900)
def test_500_namespaces_cost_one_call_and_neither_a_restart_nor_a_new_one_costs_another(
    tenant: Tenant, wide: Wide, operator: LocalOperator
) -> None:
    wide.make(*wide.namespaces)
    began = time.monotonic()
    wide.apply()
    wide.until_synced(MANY)
    print(f"{MANY} namespaces in {time.monotonic() - began:.1f} s")
    assert len(wide.secrets()) == MANY
    assert len(wide.values()) == 1
    assert tenant.mints() == 1

    versions = {name: one["metadata"]["resourceVersion"] for name, one in wide.secrets().items()}
    before = wide.cluster.must("GET", wide.path)["metadata"]["resourceVersion"]
    operator.stop()
    operator.start()
    stays(lambda: wide.cluster.must("GET", wide.path)["metadata"]["resourceVersion"] == before, 5)
    assert versions == {name: one["metadata"]["resourceVersion"] for name, one in wide.secrets().items()}

    late = f"{tenant.namespace}-late"
    wide.namespaces.append(late)
    began = time.monotonic()
    wide.make(late)
    wait_until(lambda: late in wide.secrets(), "the new one has it", wide.status, patience=10)
    print(f"a new namespace in {time.monotonic() - began:.1f} s")
    assert len(wide.values()) == 1
    assert tenant.mints() == 1

    wide.cluster.must("PATCH", wide.path, {"metadata": {"annotations": {ROTATE_REQUESTED_AT: "1"}}}, content_type=MERGE)
    wait_until(lambda: len(wide.values()) == 2, "some have new values", wide.status)
    operator.kill()
    behind = wide.values()
    operator.start()
    wait_until(lambda: len(wide.values()) == 1, "all have the same", wide.status, patience=120)
    wide.until_synced(MANY + 1)
    print(f"killed in the middle: {len(behind)} values then, 1 in the end, {tenant.mints()} mints")
    assert tenant.mints() == 2
