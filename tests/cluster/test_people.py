"""The roles for people, tried by impersonation on a real API server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster.harness import Cluster, Tenant, variables, wait_until
from cluster.rights import RBAC
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, ROTATIONS, SECRETS, SERVICE_ACCOUNTS, Resource
from esc_operator.resources import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "rolebindings", "RoleBinding")
CLUSTER_ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "clusterrolebindings", "ClusterRoleBinding")
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
ACCOUNT = "person"
MERGE = "application/merge-patch+json"


@pytest.fixture
def person(tenant: Tenant) -> Iterator[Callable[..., Tenant]]:
    """Binds a role to a user and a ServiceAccount, in the namespace or in the whole cluster; answers the namespace as
    that user sees it."""
    made: list[str] = []
    seen: list[Cluster] = []

    def bind(role: str, *, everywhere: bool = False) -> Tenant:
        user, name = f"{role}-of-{tenant.namespace}", f"{tenant.namespace}-{role}"
        path = CLUSTER_ROLE_BINDINGS.path() if everywhere else ROLE_BINDINGS.path(tenant.namespace)
        body = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [
                {"apiGroup": RBAC, "kind": "User", "name": user},
                {"kind": "ServiceAccount", "namespace": tenant.namespace, "name": ACCOUNT},
            ],
        }
        tenant.cluster.must("POST", path, body)
        made.append(f"{path}/{name}")
        cluster = Cluster(tenant.cluster.kubeconfig, tenant.cluster.context, user)
        seen.append(cluster)
        return Tenant(cluster, tenant.aws, tenant.namespace, tenant.role)

    yield bind
    for path in made:
        tenant.cluster.request("DELETE", path)
    for cluster in seen:
        cluster.close()


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_whoever_gets_the_right_to_write_environments_by_a_built_in_role_could_do_all_of_it_before(
    tenant: Tenant, person: Callable[..., Tenant], role: str
) -> None:
    person(role)
    user = f"{role}-of-{tenant.namespace}"

    def may(verb: str, group: str, resource: str, namespace: str = tenant.namespace) -> bool:
        resource, _, part = resource.partition("/")
        asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": part}
        answer = tenant.cluster.must("POST", REVIEWS, {"spec": {"user": user, "resourceAttributes": asked}})
        return bool(answer["status"]["allowed"])

    wait_until(lambda: may("create", GROUP, "escenvironments"), "the right has become a part of the built-in role")
    for verb in ("get", "list", "watch", "update", "patch", "delete", "deletecollection"):
        assert may(verb, GROUP, "escenvironments"), verb
    # What an environment could give them: values of Secrets, and the name of any ServiceAccount of the namespace.
    assert may("get", "", "secrets")
    assert may("create", "", "pods")
    assert may("create", "", "serviceaccounts/token")
    for verb in ("patch", "update"):
        assert not may(verb, GROUP, "escenvironments/status")
        assert not may(verb, "", "namespaces")
    for kind in ("clusterescenvironments", "escrotations"):
        assert not may("get", GROUP, kind)
        assert not may("create", GROUP, kind)
    assert not may("get", GROUP, "escenvironments", "default")


def test_the_built_in_view_sees_neither_secrets_nor_environments(tenant: Tenant, person: Callable[..., Tenant]) -> None:
    viewer = person("view")
    wait_until(lambda: viewer.cluster.request("GET", f"/api/v1/namespaces/{tenant.namespace}/pods")[0] == 200, "bound")
    assert viewer.cluster.request("GET", SECRETS.path(tenant.namespace))[0] == 403
    assert viewer.cluster.request("GET", ENVIRONMENTS.path(tenant.namespace))[0] == 403


def test_who_views_reads_definitions_and_writes_nothing(tenant: Tenant, person: Callable[..., Tenant]) -> None:
    tenant.apply("app", variables(A={"fn::secret": "plain-to-see"}))
    tenant.until_ready("app")
    viewer = person("esc-operator-view")
    wait_until(lambda: viewer.cluster.request("GET", ENVIRONMENTS.path(tenant.namespace))[0] == 200, "bound")
    assert viewer.is_ready("app")
    assert "plain-to-see" in str(viewer.environment("app")), "which is why it is no part of the built-in view"
    path = ENVIRONMENTS.path(tenant.namespace, "app")
    assert viewer.cluster.request("PATCH", path, {"spec": {"suspend": True}}, content_type=MERGE)[0] == 403
    assert viewer.cluster.request("DELETE", path)[0] == 403
    assert viewer.cluster.request("GET", SECRETS.path(tenant.namespace, "app"))[0] == 403


def test_who_edits_fills_secrets_and_does_not_write_the_status(tenant: Tenant, person: Callable[..., Tenant]) -> None:
    editor = person("esc-operator-edit")
    wait_until(lambda: editor.cluster.request("GET", ENVIRONMENTS.path(tenant.namespace))[0] == 200, "bound")
    editor.apply("app", variables(A="1"))
    editor.until_ready("app")
    status = {"status": {"observedGeneration": 7}}
    path = f"{ENVIRONMENTS.path(tenant.namespace, 'app')}/status"
    assert editor.cluster.request("PATCH", path, status, content_type=MERGE)[0] == 403
    assert editor.cluster.request("GET", SECRETS.path(tenant.namespace, "app"))[0] == 403
    editor.delete("app")


def test_who_opens_runs_esc_at_a_terminal(tenant: Tenant, person: Callable[..., Tenant], tmp_path: Path) -> None:
    tenant.apply("app", tenant.login())
    tenant.until_ready("app")
    opener = person("esc-operator-open")
    tenant.create_service_account(ACCOUNT)
    kubeconfig = logged_in(tenant, ACCOUNT, tmp_path)
    wait_until(lambda: opener.cluster.request("GET", ENVIRONMENTS.path(tenant.namespace))[0] == 200, "bound")
    settings = {
        **tenant.aws.environment,
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig),
        "ESC_HOME": str(tmp_path),
    }
    command = [str(Path(sys.executable).parent / "esc"), "open", f"{tenant.cluster.context}/{tenant.namespace}/app"]
    opened = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert opened.returncode == 0, opened.stderr
    assert '"AWS_SESSION_TOKEN"' in opened.stdout
    assert opener.cluster.request("POST", ENVIRONMENTS.path(tenant.namespace), {})[0] == 403
    assert opener.cluster.request("GET", SECRETS.path(tenant.namespace))[0] == 403, "a list is more than is needed"
    states = SECRETS.path(tenant.namespace, "app-rotators")
    assert opener.cluster.request("GET", states)[0] == 404, "it may read them, where there are any"


def test_administrators_write_what_is_of_the_cluster(tenant: Tenant, person: Callable[..., Tenant]) -> None:
    administrator = person("esc-operator-admin", everywhere=True)
    wait_until(lambda: administrator.cluster.request("GET", ROTATIONS.path())[0] == 200, "bound")
    for kind, spec in (
        (CLUSTER_ENVIRONMENTS, {"environment": {"values": {}}}),
        (ROTATIONS, {"selector": {"namespaces": [tenant.namespace]}, "dryRun": True}),
    ):
        metadata = {"name": tenant.namespace}
        body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind.kind, "metadata": metadata, "spec": spec}
        administrator.cluster.must("POST", kind.path(), body)
        administrator.cluster.must("DELETE", kind.path(None, tenant.namespace))
    assert administrator.cluster.request("GET", ENVIRONMENTS.path(tenant.namespace))[0] == 403


def logged_in(tenant: Tenant, account: str, folder: Path) -> Path:
    """A kubeconfig of a ServiceAccount: the client of `esc` knows no impersonation."""
    path = SERVICE_ACCOUNTS.path(tenant.namespace, account, "token")
    token = tenant.cluster.must("POST", path, {"spec": {}})["status"]["token"]
    content = yaml.safe_load(tenant.cluster.kubeconfig.read_text())
    content["users"] = [{"name": entry["name"], "user": {"token": token}} for entry in content["users"]]
    kubeconfig = folder / "person.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig
