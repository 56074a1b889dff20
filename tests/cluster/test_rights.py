"""What the API server makes of `deploy/`: it accepts every object, and lets the operator do its work and no more."""

from __future__ import annotations

import copy
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.harness import Cluster, wait_until
from cluster.rights import RBAC, flat, rights_of, rights_of_anybody
from esc_operator.kube.paths import NAMESPACES, SERVICE_ACCOUNTS
from local_cluster import places
from local_cluster.tools import find_kubectl
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = places.REPOSITORY / "deploy"
OPERATOR_NAMESPACE = "esc-system"
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:esc-operator"
OWN = "esc-operator.dev"
PODS = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods"

FORBIDDEN = [
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("get", "", "pods"),
    ("create", "", "configmaps"),
    ("patch", "", "configmaps"),
    ("delete", "", "configmaps"),
    ("get", "", "nodes"),
    ("get", "", "nodes/proxy"),
    ("patch", "", "namespaces"),
    ("delete", "", "namespaces"),
    ("update", "", "secrets"),
    ("deletecollection", "", "secrets"),
    ("get", "", "serviceaccounts"),
    ("create", "", "serviceaccounts"),
    ("list", "", "events"),
    ("patch", "", "events"),
    ("impersonate", "", "users"),
    ("impersonate", "", "groups"),
    ("impersonate", "", "serviceaccounts"),
    ("create", OWN, "escenvironments"),
    ("update", OWN, "escenvironments"),
    ("patch", OWN, "escenvironments"),
    ("delete", OWN, "escenvironments"),
    ("create", OWN, "clusterescenvironments"),
    ("update", OWN, "clusterescenvironments"),
    ("patch", OWN, "clusterescenvironments"),
    ("delete", OWN, "clusterescenvironments"),
    ("update", OWN, "escenvironments/status"),
    ("update", OWN, "escenvironments/finalizers"),
    ("update", "apps", "deployments"),
    ("create", "apps", "deployments"),
    ("delete", "apps", "statefulsets"),
    ("get", "coordination.k8s.io", "leases"),
    ("list", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("patch", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("create", RBAC, "clusterrolebindings"),
    ("create", RBAC, "rolebindings"),
    ("bind", RBAC, "clusterroles"),
    ("escalate", RBAC, "clusterroles"),
    ("approve", "certificates.k8s.io", "signers"),
]


@pytest.fixture(scope="module")
def account(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster as the operator's own account sees it, with `deploy/base` installed."""
    folder = tmp_path_factory.mktemp("account")
    LocalOperator(cluster.kubeconfig, cluster.context, folder).install()
    account = Cluster(folder / "operator.kubeconfig", "esc-operator")
    yield account
    account.close()


@pytest.fixture(scope="module")
def base(cluster: Cluster) -> list[dict[str, Any]]:
    """What `kubectl apply -k deploy/base` would send."""
    return [body for body in yaml.safe_load_all(kubectl(cluster, "kustomize", str(DEPLOY / "base"))) if body]


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    name: str = cluster.must("POST", NAMESPACES.path(), {"metadata": {"generateName": "rights-"}})["metadata"]["name"]
    yield name
    cluster.give_up_namespaces(name)


@pytest.fixture
def pod(cluster: Cluster, account: Cluster, base: list[dict[str, Any]]) -> dict[str, Any]:
    """The pod that the Deployment would make, in a namespace that has its account."""
    wait_until(
        lambda: cluster.find(SERVICE_ACCOUNTS, OPERATOR_NAMESPACE, "esc-operator"), "the operator has its account"
    )
    (deployment,) = (body for body in base if body["kind"] == "Deployment")
    return {"metadata": {"generateName": "esc-operator-"}, "spec": deployment["spec"]["template"]["spec"]}


# What the API server accepts.


def test_every_object_of_the_base_is_accepted(cluster: Cluster, account: Cluster, base: list[dict[str, Any]]) -> None:
    assert len(dry_run(cluster, base)) == len(base)


def test_every_example_is_accepted(cluster: Cluster, account: Cluster, namespace: str) -> None:
    files = sorted((DEPLOY / "examples").glob("*.yaml"))
    bodies = [body for file in files for body in yaml.safe_load_all(file.read_text()) if body]
    for body in bodies:
        if "namespace" in body["metadata"]:
            body["metadata"]["namespace"] = namespace
    assert len(dry_run(cluster, bodies)) == len(bodies)


def test_the_restricted_namespace_admits_the_pod_of_the_operator(cluster: Cluster, pod: dict[str, Any]) -> None:
    admitted = cluster.must("POST", PODS, pod, dryRun="All")
    mounts = [mount["mountPath"] for mount in admitted["spec"]["containers"][0]["volumeMounts"]]
    assert mounts == ["/var/run/secrets/kubernetes.io/serviceaccount"]


def test_the_restricted_namespace_refuses_a_pod_that_may_do_more(cluster: Cluster, pod: dict[str, Any]) -> None:
    wider = copy.deepcopy(pod)
    wider["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    status, answer = cluster.request("POST", PODS, wider, dryRun="All")
    assert status == 403
    assert "allowPrivilegeEscalation != false" in answer["message"]


# What the operator's account can do.


def test_the_account_can_do_exactly_what_the_base_says(
    cluster: Cluster, account: Cluster, base: list[dict[str, Any]], namespace: str
) -> None:
    (role,) = (body for body in base if (body["kind"], body["metadata"]["name"]) == ("ClusterRole", "esc-operator"))
    assert rights_of(account, namespace) == flat(role["rules"]) | rights_of_anybody(cluster)


def test_in_its_own_namespace_the_account_can_write_the_lease_besides(
    cluster: Cluster, account: Cluster, base: list[dict[str, Any]], namespace: str
) -> None:
    (role,) = (body for body in base if body["kind"] == "Role")
    assert rights_of(account, OPERATOR_NAMESPACE) - rights_of(account, namespace) == flat(role["rules"])


@pytest.mark.parametrize(("verb", "group", "resource"), FORBIDDEN, ids=lambda part: part or "core")
def test_the_account_cannot(cluster: Cluster, account: Cluster, verb: str, group: str, resource: str) -> None:
    assert not is_allowed(cluster, verb, group, resource)


def test_the_account_can_do_its_work_in_every_namespace(cluster: Cluster, account: Cluster) -> None:
    assert is_allowed(cluster, "patch", "", "secrets")
    assert is_allowed(cluster, "create", "", "serviceaccounts/token")


def test_the_account_is_refused_what_it_may_not_do(account: Cluster, namespace: str) -> None:
    status, answer = account.request("GET", f"/api/v1/namespaces/{namespace}/services")
    assert status == 403
    assert OPERATOR in answer["message"]


def kubectl(cluster: Cluster, *arguments: str, text: str | None = None) -> str:
    command = [str(find_kubectl()), "--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dry_run(cluster: Cluster, bodies: list[dict[str, Any]]) -> list[str]:
    """Have the API server validate and admit objects without keeping them; unknown fields and warnings are faults."""
    arguments = ("apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-o", "name", "-f", "-")
    return kubectl(cluster, *arguments, text=yaml.safe_dump_all(bodies)).split()


def is_allowed(cluster: Cluster, verb: str, group: str, resource: str) -> bool:
    """Whether the operator may do something in the whole cluster."""
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{OPERATOR_NAMESPACE}", "system:authenticated"]
    answer = cluster.must(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"spec": {"user": OPERATOR, "groups": groups, "resourceAttributes": attributes}},
    )
    allowed: bool = answer["status"]["allowed"]
    return allowed
