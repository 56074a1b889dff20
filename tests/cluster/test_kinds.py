"""Kinds that are installed after the operator has started, deleted, created again or upgraded: nothing is restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import create_tenant, wait_until
from cluster.kinds import create_kind, delete_kind, is_served, replace_kind
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, NAMESPACES, ROTATIONS
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from esc_operator.kube.paths import Resource
    from local_aws import LocalAws

ALL = (ENVIRONMENTS, CLUSTER_ENVIRONMENTS, ROTATIONS)


@pytest.fixture(autouse=True)
def kinds(cluster: Cluster, operator: LocalOperator) -> Iterator[None]:
    """All are back at the end, as they are in `crds/`, and the operator of all namespaces works."""
    yield
    for resource in ALL:
        if not is_served(cluster, resource):
            create_kind(cluster, resource)
    if not operator.is_running():
        operator.start()


def until_says(operator: LocalOperator, *words: str) -> None:
    """Wait until the readiness probe is told exactly these things, besides that all is well."""

    def told() -> list[str]:
        status, body = operator.readiness()
        assert status == 200, "no other replica could work on a kind that is missing: it stays ready"
        return body["state"].split("; ")[1:]

    wait_until(lambda: told() == list(words), f"it says {words}", told)


def put(cluster: Cluster, resource: Resource, name: str, **spec: Any) -> None:
    body = {"apiVersion": "esc-operator.dev/v1alpha1", "kind": resource.kind, "metadata": {"name": name}, "spec": spec}
    cluster.must("POST", resource.path(), body)


def all_work(tenant: Tenant, value: str) -> None:
    """An object of each kind comes to its end."""
    cluster, wide = tenant.cluster, f"wide-{tenant.namespace}-{value}"
    definition = {"values": {"environmentVariables": {"A": value}}}
    tenant.apply("own", definition)
    put(cluster, CLUSTER_ENVIRONMENTS, wide, environment=definition, target={"namespaces": [tenant.namespace]})
    wait_until(lambda: tenant.is_ready("own"), "own is ready", lambda: tenant.status("own"))
    wait_until(lambda: tenant.secret(wide), f"{wide} is filled")
    assert (tenant.values("own"), tenant.values(wide)) == ({"A": value}, {"A": value})
    rotation_works(tenant, value)


def rotation_works(tenant: Tenant, value: str) -> None:
    cluster, name = tenant.cluster, f"run-{tenant.namespace}-{value}"
    put(cluster, ROTATIONS, name, selector={"namespaces": [tenant.namespace]})

    def phase() -> Any:
        return ((cluster.find(ROTATIONS, "", name) or {}).get("status") or {}).get("phase")

    wait_until(lambda: phase() == "Succeeded", f"{name} has succeeded", phase)


def test_kinds_that_come_after_the_start_are_worked_on(
    tenant: Tenant, cluster: Cluster, operator: LocalOperator
) -> None:
    operator.stop()
    for resource in ALL:
        delete_kind(cluster, resource)
    operator.start()
    until_says(
        operator,
        "ClusterEscEnvironment is not served",
        "EscEnvironment is not served",
        "EscRotation is not served",
    )
    # The order of a chart that has templates of its own: the last one first.
    create_kind(cluster, ROTATIONS)
    until_says(operator, "ClusterEscEnvironment is not served", "EscEnvironment is not served")
    create_kind(cluster, CLUSTER_ENVIRONMENTS)
    create_kind(cluster, ENVIRONMENTS)
    all_work(tenant, "later")
    until_says(operator)


def test_kinds_that_are_deleted_and_created_again_are_worked_on(
    tenant: Tenant, cluster: Cluster, operator: LocalOperator
) -> None:
    all_work(tenant, "before")
    for resource in ALL:
        delete_kind(cluster, resource)
    until_says(
        operator,
        "ClusterEscEnvironment is not served",
        "EscEnvironment is not served",
        "EscRotation is not served",
    )
    for resource in ALL:
        create_kind(cluster, resource)
    all_work(tenant, "after")
    until_says(operator)
    log = operator.log.read_text()
    assert "EscRotation is not served: its CustomResourceDefinition is missing or was deleted. Install it" in log
    assert "EscRotation is served: working on it." in log


def test_one_kind_without_the_others_is_worked_on(tenant: Tenant, cluster: Cluster, operator: LocalOperator) -> None:
    delete_kind(cluster, CLUSTER_ENVIRONMENTS)
    delete_kind(cluster, ROTATIONS)
    until_says(operator, "ClusterEscEnvironment is not served", "EscRotation is not served")
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")


def test_an_import_of_a_kind_that_comes_later_is_found_then(
    tenant: Tenant, cluster: Cluster, operator: LocalOperator
) -> None:
    delete_kind(cluster, CLUSTER_ENVIRONMENTS)
    until_says(operator, "ClusterEscEnvironment is not served")
    base = f"base-of-{tenant.namespace}"
    tenant.apply("web", {"imports": [base], "values": {"environmentVariables": {"REGION": "${region}"}}})
    message = tenant.until_refused("web", "ImportNotFound")
    assert base in message
    create_kind(cluster, CLUSTER_ENVIRONMENTS)
    put(cluster, CLUSTER_ENVIRONMENTS, base, environment={"values": {"region": "eu"}})
    wait_until(lambda: tenant.is_ready("web"), "web is ready", lambda: tenant.status("web"))
    assert tenant.values("web") == {"REGION": "eu"}


def test_definitions_of_an_older_version_are_named_until_they_are_upgraded(
    tenant: Tenant, cluster: Cluster, operator: LocalOperator
) -> None:
    replace_kind(cluster, ROTATIONS, "spec.allowNone")
    replace_kind(cluster, ENVIRONMENTS, "spec.trustedNamespaces", "spec.rollout.minInterval", "status.rotationDueAt")
    operator.stop()
    operator.start()
    lacks = "is outdated: its CustomResourceDefinition is older than this operator and lacks"
    until_says(
        operator,
        f"EscEnvironment {lacks} spec.rollout.minInterval, spec.trustedNamespaces, status.rotationDueAt (kubectl apply "
        "-f crds/escenvironments.yaml)",
        f"EscRotation {lacks} spec.allowNone (kubectl apply -f crds/escrotations.yaml)",
    )
    assert 'esc_operator_kind_outdated{kind="EscRotation"} 1.0' in operator.scrape()
    all_work(tenant, "older")
    replace_kind(cluster, ROTATIONS)
    replace_kind(cluster, ENVIRONMENTS)
    until_says(operator)
    tenant.apply("own", {"values": {"environmentVariables": {"A": "newer"}}}, trustedNamespaces=["else"])
    wait_until(lambda: tenant.values("own") == {"A": "newer"}, "it is worked on")
    assert tenant.environment("own")["spec"]["trustedNamespaces"] == ["else"]
    log = operator.log.read_text()
    assert log.count(f"EscRotation {lacks} spec.allowNone") == 1
    assert "EscRotation is up to date." in log


class TestNamespaced:
    """An operator for some namespaces works on EscEnvironments only, and has no rights in the whole cluster."""

    @pytest.fixture
    def own(self, cluster: Cluster, aws: LocalAws, operator: LocalOperator) -> Iterator[Tenant]:
        operator.stop()
        tenant = create_tenant(cluster, aws, "kinds-of-one")
        yield tenant
        cluster.must("DELETE", NAMESPACES.path(name=tenant.namespace))
        operator.install()  # the policies belong to both installations

    @pytest.fixture
    def namespaced(self, cluster: Cluster, own: Tenant, tmp_path: Path) -> LocalOperator:
        return LocalOperator(
            cluster.kubeconfig,
            cluster.context,
            tmp_path,
            settings=own.aws.environment,
            namespaces={own.namespace: ["default"]},
            own_namespace="esc-kinds",
        )

    def test_a_kind_that_comes_later_or_comes_back_is_worked_on(
        self, cluster: Cluster, own: Tenant, namespaced: LocalOperator
    ) -> None:
        namespaced.install()
        for resource in ALL:
            delete_kind(cluster, resource)
        with namespaced:
            until_says(namespaced, "EscEnvironment is not served")
            create_kind(cluster, ENVIRONMENTS)
            own.apply("aws", own.login())
            own.until_ready("aws")
            delete_kind(cluster, ENVIRONMENTS)
            until_says(namespaced, "EscEnvironment is not served")
            create_kind(cluster, ENVIRONMENTS)
            own.apply("aws", own.login())
            own.until_ready("aws")
            until_says(namespaced)
            replace_kind(cluster, ENVIRONMENTS, "spec.suspend")
            namespaced.stop()
            namespaced.start()
            until_says(
                namespaced,
                "EscEnvironment is outdated: its CustomResourceDefinition is older than this operator and lacks "
                "spec.suspend (kubectl apply -f crds/escenvironments.yaml)",
            )
            own.apply("aws", own.login(duration="2h"))
            own.until_ready("aws")
            replace_kind(cluster, ENVIRONMENTS)
            until_says(namespaced)
