"""What is the operator's alone, or the administrator's: the status, kinds of the cluster, Namespaces, the operator's
place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import variables
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, NAMESPACES, ROTATIONS, SECRETS, Resource
from esc_operator.resources import GROUP
from esc_operator.resources.allowances import ALLOWED_ROLES
from tenants.admission import POLICIES
from tenants.attempt import Verdict, attempt
from tenants.judging import asked
from tenants.stage import MERGE, OPERATOR, ROLE_BINDINGS

if TYPE_CHECKING:
    from tenants.stage import Stage

CONFIG_MAPS = Resource("/api/v1", "configmaps", "ConfigMap")
LEASES = Resource("/apis/coordination.k8s.io/v1", "leases", "Lease")

STATUSES: dict[str, Any] = {
    "conditions": [],
    "rotation": {"id": "forged", "requestedAt": "2026-01-01T00:00:00Z"},
    "imports": [{"name": "blue/closed", "generation": 1}],
    "logins": [{"provider": "aws-login", "role": "arn:aws:iam::123456789012:role/blue"}],
}


def _status(field: str, value: Any) -> None:
    @attempt(f"write status.{field} of an own environment")
    def written(stage: Stage) -> Verdict:
        path = f"{ENVIRONMENTS.path('red', 'own')}/status"
        return asked(stage.attacker.cluster, "PATCH", path, {"status": {field: value}}, content_type=MERGE)


for _field, _value in STATUSES.items():
    _status(_field, _value)


@attempt("replace the whole status of an own environment")
def replaced(stage: Stage) -> Verdict:
    body = stage.attacker.environment("own") | {"status": {}}
    return asked(stage.attacker.cluster, "PUT", f"{ENVIRONMENTS.path('red', 'own')}/status", body)


@attempt("bring a status along with a new environment")
def brought(stage: Stage) -> Verdict:
    name = stage.fresh()
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": name},
        "spec": {"environment": variables(A="1")},
        "status": {"rotation": STATUSES["rotation"], "imports": STATUSES["imports"]},
    }
    made = stage.attacker.cluster.must("POST", ENVIRONMENTS.path("red"), body)
    stage.attacker.until_ready(name)
    good = "status" not in made and "forged" not in str(stage.attacker.status(name))
    return Verdict("API server", "the status is dropped", good=good)


@attempt("write status.seals of a ClusterEscEnvironment")
def seals(stage: Stage) -> Verdict:
    path = f"{CLUSTER_ENVIRONMENTS.path(None, 'wide')}/status"
    return asked(stage.attacker.cluster, "PATCH", path, {"status": {"seals": ["0" * 64]}}, content_type=MERGE)


def _cluster_kind(resource: Resource, spec: dict[str, Any]) -> None:
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": resource.kind,
        "metadata": {"name": "mine"},
        "spec": spec,
    }

    @attempt(f"create a {resource.kind}")
    def created(stage: Stage) -> Verdict:
        return asked(stage.attacker.cluster, "POST", resource.path(), body)

    @attempt(f"list all {resource.plural}")
    def listed(stage: Stage) -> Verdict:
        return asked(stage.attacker.cluster, "GET", resource.path())


_cluster_kind(CLUSTER_ENVIRONMENTS, {"environment": {"values": {}}, "target": {"namespaces": ["blue"]}})
_cluster_kind(ROTATIONS, {"selector": {}})


@attempt("change a ClusterEscEnvironment")
def changed(stage: Stage) -> Verdict:
    path = CLUSTER_ENVIRONMENTS.path(None, "wide")
    return asked(stage.attacker.cluster, "PATCH", path, {"spec": {"suspend": True}}, content_type=MERGE)


@attempt("widen the allow-list of the own Namespace")
def own_list(stage: Stage) -> Verdict:
    body = {"metadata": {"annotations": {ALLOWED_ROLES: "**"}}}
    return asked(stage.attacker.cluster, "PATCH", NAMESPACES.path(name="red"), body, content_type=MERGE)


@attempt("replace the own Namespace")
def own_namespace(stage: Stage) -> Verdict:
    body = stage.administrator.must("GET", NAMESPACES.path(name="red"))
    body["metadata"]["annotations"] = {}
    return asked(stage.attacker.cluster, "PUT", NAMESPACES.path(name="red"), body)


@attempt("label the own Namespace for what others get")
def own_label(stage: Stage) -> Verdict:
    body = {"metadata": {"labels": {"team": "blue"}}}
    return asked(stage.attacker.cluster, "PATCH", NAMESPACES.path(name="red"), body, content_type=MERGE)


@attempt("make a Namespace without a list")
def new_namespace(stage: Stage) -> Verdict:
    return asked(stage.attacker.cluster, "POST", NAMESPACES.path(), {"metadata": {"name": "red-2"}})


@attempt("change the operator's policies")
def policies(stage: Stage) -> Verdict:
    return asked(stage.attacker.cluster, "DELETE", POLICIES.path(None, "esc-operator-tokens"))


@attempt("change what the operator's policies go by")
def parameters(stage: Stage) -> Verdict:
    path = CONFIG_MAPS.path(OPERATOR, "esc-operator-tokens")
    return asked(stage.attacker.cluster, "PATCH", path, {"data": {"api-audiences": ""}}, content_type=MERGE)


@attempt("take the operator's Lease")
def lease(stage: Stage) -> Verdict:
    path = LEASES.path(OPERATOR, "esc-operator")
    return asked(stage.attacker.cluster, "PATCH", path, {"spec": {"holderIdentity": "me"}}, content_type=MERGE)


@attempt("read Secrets of the operator's namespace")
def operators_secrets(stage: Stage) -> Verdict:
    return asked(stage.attacker.cluster, "GET", SECRETS.path(OPERATOR))


@attempt("bind themselves to esc-operator-admin in the own namespace, and use it")
def bound(stage: Stage) -> Verdict:
    """Nobody hands out what they do not have."""
    body = {
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "esc-operator-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "red-admin"}],
    }
    return asked(stage.attacker.cluster, "POST", ROLE_BINDINGS.path("red"), body)


@attempt("bind the operator's own role in the own namespace")
def bound_own(stage: Stage) -> Verdict:
    body = {
        "metadata": {"name": "operators"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "esc-operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "red-admin"}],
    }
    return asked(stage.attacker.cluster, "POST", ROLE_BINDINGS.path("red"), body)


@attempt("delete an own environment", allowed=True)
def deleted(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, variables(A="1"))
    status, _ = stage.attacker.cluster.request("DELETE", ENVIRONMENTS.path("red", name))
    return Verdict("nobody", str(status), good=status == 200)
