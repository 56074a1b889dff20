"""Secrets and ConfigMaps of the namespace on a real API server, which decides what a ServiceAccount may read; with the
operator's rights of deploy/base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from cluster.rights import RBAC
from cluster.test_referenced_definitions import SOON, within
from esc_operator.kube.paths import CONFIG_MAPS, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.harness import Cluster, Tenant

ROLES = Resource(f"/apis/{RBAC}/v1", "roles", "Role")
ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "rolebindings", "RoleBinding")


def grant(cluster: Cluster, namespace: str, account: str, resource: str, *names: str) -> None:
    """Let a ServiceAccount of the namespace get these objects of it."""
    role = f"{account}-reads-{resource}"
    rule = {"apiGroups": [""], "resources": [resource], "verbs": ["get"], "resourceNames": list(names)}
    cluster.must("POST", ROLES.path(namespace), {"metadata": {"name": role}, "rules": [rule]})
    body = {
        "metadata": {"name": role},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    cluster.must("POST", ROLE_BINDINGS.path(namespace), body)


def reading(kind: str = "secrets", **get: Mapping[str, Any]) -> dict[str, Any]:
    """A definition whose variables are what is read, by the same names."""
    return {
        "values": {
            "read": {f"fn::open::kubernetes-{kind}": {"get": get}},
            "environmentVariables": {name: f"${{read.{name}}}" for name in get},
        }
    }


def test_what_the_service_account_may_read_fills_the_secret(tenant: Tenant) -> None:
    cluster, namespace = tenant.cluster, tenant.namespace
    tenant.create_service_account("reader")
    tenant.write_secret("db", {"password": "from-the-secret"})
    cluster.must("POST", CONFIG_MAPS.path(namespace), {"metadata": {"name": "settings"}, "data": {"mode": "fast"}})
    grant(cluster, namespace, "reader", "secrets", "db", "gone")
    grant(cluster, namespace, "reader", "configmaps", "settings")
    both = reading(PASSWORD={"name": "db", "key": "password"})
    both["values"]["map"] = {"fn::open::kubernetes-configmaps": {"get": {"all": {"name": "settings"}}}}
    both["values"]["environmentVariables"]["MODE"] = "${map.all.mode}"
    tenant.apply("app", both, serviceAccountName="reader")
    tenant.until_ready("app")
    assert tenant.values("app") == {"PASSWORD": "from-the-secret", "MODE": "fast"}
    read = [(one["input"], one["name"]) for one in tenant.status("app")["secretVersions"]]
    assert sorted(read) == [("get.PASSWORD", "db"), ("get.all", "settings")]


def test_a_change_of_what_was_read_is_followed(tenant: Tenant) -> None:
    tenant.write_secret("db", {"password": "one"})
    grant(tenant.cluster, tenant.namespace, "default", "secrets", "db")
    tenant.apply("app", reading(PASSWORD={"name": "db", "key": "password"}))
    tenant.until_ready("app")
    tenant.write_secret("db", {"password": "two"})
    within(SOON, lambda: tenant.values("app") == {"PASSWORD": "two"}, "a change is followed")
    tenant.delete_secret("db")
    tenant.until_refused("app", "ObjectNotFound", "Refreshed")
    assert tenant.values("app") == {"PASSWORD": "two"}
    tenant.write_secret("db", {"password": "three"})
    within(SOON, lambda: tenant.values("app") == {"PASSWORD": "three"}, "it is picked up")


def test_all_that_is_missing_is_told_in_the_condition(tenant: Tenant) -> None:
    cluster, namespace = tenant.cluster, tenant.namespace
    tenant.create_service_account("reader")
    tenant.write_secret("db", {"password": "from-the-secret"})
    grant(cluster, namespace, "reader", "secrets", "db", "gone")
    definition = reading(
        A={"name": "db", "key": "pw"}, B={"name": "gone"}, C={"name": "other"}, D={"name": "db", "key": "password"}
    )
    tenant.apply("app", definition, serviceAccountName="reader")
    message = tenant.until_refused("app", "KeyNotFound")
    for told in (
        f"A: Secret {namespace}/db has no key pw, it has 1 key: add it, or correct `key`",
        f"B: Secret {namespace}/gone does not exist: create it, or correct `name`",
        (
            f"C: ServiceAccount {namespace}/reader may not get Secret {namespace}/other: grant it get on secrets with "
            "resourceNames [other], by a Role and a RoleBinding"
        ),
    ):
        assert f".get.{told}" in message
    assert tenant.secret("app") is None


def test_a_service_account_without_rights_reads_nothing_until_it_has_one(tenant: Tenant) -> None:
    tenant.write_secret("db", {"password": "from-the-secret"})
    tenant.apply("app", reading(PASSWORD={"name": "db", "key": "password"}))
    message = tenant.until_refused("app", "ObjectForbidden")
    assert f"ServiceAccount {tenant.namespace}/default may not get Secret {tenant.namespace}/db" in message
    grant(tenant.cluster, tenant.namespace, "default", "secrets", "db")
    wait_until(lambda: tenant.is_ready("app"), "the right is noticed", lambda: tenant.status("app"))
    assert tenant.values("app") == {"PASSWORD": "from-the-secret"}


def test_a_right_that_is_left_over_of_a_deleted_service_account_gives_nothing(tenant: Tenant) -> None:
    tenant.write_secret("db", {"password": "from-the-secret"})
    grant(tenant.cluster, tenant.namespace, "former", "secrets", "db")
    tenant.apply("app", reading(PASSWORD={"name": "db"}), serviceAccountName="former")
    wait_until(lambda: tenant.condition("app").get("status") == "False", "it is refused")
    assert f"{tenant.namespace}/former" in tenant.condition("app")["message"]
    assert tenant.secret("app") is None


def test_a_file_is_refused_in_the_operator(tenant: Tenant) -> None:
    values = {"ca": {"fn::open::file": {"path": "etc/passwd"}}, "environmentVariables": {"CA": "${ca}"}}
    tenant.apply("app", {"values": values})
    message = tenant.until_refused("app", "NoFiles")
    assert "files are read only at a terminal, from a folder of environments" in message
    assert "put the text into a Secret, and read it with kubernetes-secrets" in message
