"""A definition in a ConfigMap or a Secret, on a real API server, with the operator's rights of deploy/base."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import wait_until
from cluster.test_text_definitions import kubectl, manifest
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, CONFIG_MAPS, SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from esc_operator.kube.paths import Resource

SOON = 15.0
"""Seconds in which a change is followed on a machine where many tests run side by side; two on an idle one. What is not
followed is refreshed after minutes."""


def text(**values: str) -> str:
    lines = "".join(f"    {name}: {value}\n" for name, value in values.items())
    return f"values:\n  environmentVariables:\n{lines}"


def put(cluster: Cluster, resource: Resource, namespace: str, name: str, definition: str) -> None:
    """Create an object with the definition, or change it."""
    field = "stringData" if resource is SECRETS else "data"
    body = {
        "apiVersion": "v1",
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace},
        field: {"env.yaml": definition},
    }
    cluster.must(
        "PATCH",
        resource.path(namespace, name),
        body,
        content_type="application/apply-patch+yaml",
        fieldManager="test",
        force="true",
    )


def reference(kind: str) -> str:
    return f"  environmentFrom: {{{kind}: {{name: defs, key: env.yaml}}}}\n"


def apply_spec(tenant: Tenant, spec: str) -> None:
    answer = kubectl(tenant, "apply", "-f", "-", text=manifest(spec))
    assert answer.returncode == 0, answer.stderr


def within(seconds: float, happened: Callable[[], Any], what: str) -> None:
    began = time.monotonic()
    wait_until(happened, what)
    took = time.monotonic() - began
    assert took < seconds, f"{what} took {took:.1f} s"


KINDS = {"configMapKeyRef": CONFIG_MAPS, "secretKeyRef": SECRETS}


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_and_changes_is_followed_within_two_seconds(tenant: Tenant, kind: str) -> None:
    resource = KINDS[kind]
    apply_spec(tenant, reference(kind))
    message = tenant.until_refused("app", "DefinitionNotFound")
    assert message == (
        f"spec.environmentFrom.{kind}: {resource.kind} {tenant.namespace}/defs does not exist: create it, or correct "
        "the name"
    )
    put(tenant.cluster, resource, tenant.namespace, "defs", text(A="on"))
    within(SOON, lambda: tenant.is_ready("app") and tenant.values("app") == {"A": "on"}, "it is picked up")
    put(tenant.cluster, resource, tenant.namespace, "defs", text(A="off"))
    within(SOON, lambda: tenant.values("app") == {"A": "off"}, "a change is followed")
    tenant.cluster.must("DELETE", resource.path(tenant.namespace, "defs"))
    tenant.until_refused("app", "DefinitionNotFound", "Refreshed")
    assert tenant.condition("app")["status"] == "True"
    assert tenant.values("app") == {"A": "off"}


def test_an_importer_follows_it(tenant: Tenant) -> None:
    put(tenant.cluster, CONFIG_MAPS, tenant.namespace, "defs", text(A="on"))
    apply_spec(tenant, reference("configMapKeyRef"))
    tenant.apply("importer", {"imports": ["app"], "values": {}})
    tenant.until_ready("importer")
    assert tenant.values("importer") == {"A": "on"}
    put(tenant.cluster, CONFIG_MAPS, tenant.namespace, "defs", text(A="off"))
    within(SOON, lambda: tenant.values("importer") == {"A": "off"}, "a change is followed")


def test_a_cluster_environment_reads_from_the_operators_namespace(tenant: Tenant) -> None:
    name = f"defs-{tenant.namespace}"
    put(tenant.cluster, CONFIG_MAPS, "esc-system", name, text(A="on"))
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": name},
        "spec": {
            "environmentFrom": {"configMapKeyRef": {"name": name, "key": "env.yaml"}},
            "target": {"name": "wide", "namespaces": [tenant.namespace]},
        },
    }
    tenant.cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body)
    try:
        wait_until(lambda: tenant.secret("wide"), "it is filled")
        assert tenant.values("wide") == {"A": "on"}
        put(tenant.cluster, CONFIG_MAPS, "esc-system", name, text(A="off"))
        within(SOON, lambda: tenant.values("wide") == {"A": "off"}, "a change is followed")
    finally:
        tenant.cluster.must("DELETE", CLUSTER_ENVIRONMENTS.path(None, name))


def test_a_file_of_a_kustomization_becomes_a_definition_and_its_changes_are_followed(
    tenant: Tenant, tmp_path: Path
) -> None:
    (tmp_path / "kustomization.yaml").write_text(
        f"namespace: {tenant.namespace}\nresources: [app.yaml]\n"
        "generatorOptions: {disableNameSuffixHash: true}\n"
        "configMapGenerator: [{name: defs, files: [env.yaml]}]\n"
    )
    (tmp_path / "app.yaml").write_text(manifest(reference("configMapKeyRef")))
    for value in ("on", "off"):
        (tmp_path / "env.yaml").write_text(text(A=value))
        answer = kubectl(tenant, "apply", "-k", str(tmp_path))
        assert answer.returncode == 0, answer.stderr
        tenant.until_ready("app")
        within(SOON, lambda: tenant.values("app") == {"A": value}, "it is followed")  # noqa: B023 - called here


REFUSED = {
    "two sources": (
        f"{reference('configMapKeyRef')}  definition: 'values: {{}}'\n",
        "there is more than one definition: keep one of environment, definition and environmentFrom",
    ),
    "three sources": (
        f"{reference('secretKeyRef')}  definition: 'values: {{}}'\n  environment: {{values: {{}}}}\n",
        "there is more than one definition: keep one of environment, definition and environmentFrom",
    ),
    "no source": (
        "  suspend: true\n",
        "there is no definition: set one of environment, definition and environmentFrom",
    ),
    "both kinds": (
        "  environmentFrom: {configMapKeyRef: {name: a, key: b}, secretKeyRef: {name: a, key: b}}\n",
        "set exactly one of configMapKeyRef, secretKeyRef and pulumi",
    ),
    "neither kind": ("  environmentFrom: {}\n", "set exactly one of configMapKeyRef, secretKeyRef and pulumi"),
    "another namespace": (
        "  environmentFrom: {secretKeyRef: {name: other/defs, key: env.yaml}}\n",
        "must be the name of a Secret in the same namespace: lower-case letters, digits, '-' and '.'; another",
    ),
    "a namespace": (
        "  environmentFrom: {secretKeyRef: {namespace: other, name: defs, key: env.yaml}}\n",
        'unknown field "spec.environmentFrom.secretKeyRef.namespace"',
    ),
    "a key that is none": (
        "  environmentFrom: {configMapKeyRef: {name: defs, key: a/b}}\n",
        "must be a key of a ConfigMap: letters, digits, '-', '_' and '.'",
    ),
    "no key": (
        "  environmentFrom: {configMapKeyRef: {name: defs}}\n",
        "spec.environmentFrom.configMapKeyRef.key: Required value",
    ),
}


@pytest.mark.parametrize(("spec", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", ["EscEnvironment", "ClusterEscEnvironment"])
def test_the_api_server_refuses_with_a_sentence(tenant: Tenant, kind: str, spec: str, told: str) -> None:
    answer = kubectl(tenant, "apply", "--dry-run=server", "-f", "-", text=manifest(spec, kind))
    assert answer.returncode != 0
    assert told in answer.stderr
