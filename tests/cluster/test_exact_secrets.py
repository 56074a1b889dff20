"""A Secret holds exactly what one evaluation gave, whoever else writes to it, by whichever verb of the API server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, stays, variables, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, SECRETS, Resource
from local_https import Answer, HttpsServer

if TYPE_CHECKING:
    from pathlib import Path

    from local_https import Question
    from local_operator import LocalOperator

APPLY = "application/apply-patch+yaml"
JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
WEBHOOKS = Resource("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", "")
PROMPTLY = 20.0
"""Seconds, on a busy machine; on a quiet one it takes some tenths."""


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


TARGET = {"labels": {"team": "red"}, "annotations": {"note": "ours"}}

CHANGES: dict[str, tuple[str, Any]] = {
    "added-as-text": (MERGE, {"stringData": {"EXTRA": "x"}}),
    "added-as-data": (MERGE, {"data": {"EXTRA": encoded(b"x")}}),
    "added-strategically": (STRATEGIC, {"stringData": {"EXTRA": "x"}}),
    "added-by-json-patch": (JSON, [{"op": "add", "path": "/data/EXTRA", "value": encoded(b"x")}]),
    "added-nul": (MERGE, {"data": {"NUL": encoded(b"a\0b")}}),
    "changed": (MERGE, {"stringData": {"A": "theirs"}}),
    "removed": (MERGE, {"data": {"A": None}}),
    "replaced": (JSON, [{"op": "replace", "path": "/data", "value": {"B": encoded(b"theirs")}}]),
    "label-changed": (MERGE, {"metadata": {"labels": {"team": "blue"}}}),
    "label-removed": (MERGE, {"metadata": {"labels": {"team": None}}}),
    "our-label-removed": (MERGE, {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}),
    "our-label-changed": (MERGE, {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}),
    "our-domain": (MERGE, {"metadata": {"labels": {"esc-operator.dev/x": "y"}}}),
    "annotation-changed": (MERGE, {"metadata": {"annotations": {"note": "theirs"}}}),
    "annotation-removed": (MERGE, {"metadata": {"annotations": {"note": None}}}),
    "record-removed": (MERGE, {"metadata": {"annotations": {"esc-operator.dev/sync": None}}}),
    "name-removed": (MERGE, {"metadata": {"annotations": {"esc-operator.dev/environment": None}}}),
    "holds": (MERGE, {"metadata": {"annotations": {"esc-operator.dev/holds": "rotator-states"}}}),
    "owner-removed": (MERGE, {"metadata": {"ownerReferences": None}}),
    "managers-removed": (MERGE, {"metadata": {"managedFields": [{}]}, "stringData": {"EXTRA": "x"}}),
}


def patch(tenant: Tenant, name: str, body: Any, kind: str = MERGE, **query: str) -> None:
    """As somebody else does it: by kubectl patch, unless `query` names another field manager."""
    query = {"fieldManager": "kubectl-patch", **query}
    tenant.cluster.must("PATCH", SECRETS.path(tenant.namespace, name), body, content_type=kind, **query)


def apply_as(manager: str, tenant: Tenant, name: str, **fields: Any) -> None:
    metadata = {"name": name, "namespace": tenant.namespace, **fields.pop("metadata", {})}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **fields}
    patch(tenant, name, body, APPLY, fieldManager=manager, force="true")


def exact(tenant: Tenant, name: str) -> dict[str, Any]:
    """What of a Secret is ours to write."""
    body = tenant.secret(name) or {"metadata": {}}
    metadata = {part: body["metadata"].get(part) for part in ("labels", "annotations", "ownerReferences")}
    return {"metadata": metadata, "data": body.get("data"), "type": body.get("type")}


def test_whatever_others_change_is_taken_back_and_everything_else_is_well(tenant: Tenant) -> None:
    for name in CHANGES:
        tenant.apply(name, variables(A="1", B="2"), target=TARGET)
    before = {}
    for name in CHANGES:
        tenant.until_ready(name)
        before[name] = exact(tenant, name)
    for name, (kind, body) in CHANGES.items():
        patch(tenant, name, body, kind)
    for name, wanted in before.items():
        # A record that is made anew says when.
        def is_back(name: str = name, wanted: dict[str, Any] = wanted) -> bool:
            return _without_times(exact(tenant, name)) == _without_times(wanted)

        wait_until(is_back, f"{name} is taken back", lambda name=name: exact(tenant, name), PROMPTLY)  # type: ignore[misc]
    for name in CHANGES:
        assert tenant.is_ready(name), tenant.status(name)
        assert tenant.condition(name, "Refreshed")["status"] == "True"
        assert tenant.status(name)["variables"] == ["A", "B"]


def _without_times(body: dict[str, Any]) -> dict[str, Any]:
    annotations = dict(body["metadata"]["annotations"] or {})
    record = json.loads(annotations.pop("esc-operator.dev/sync", "{}"))
    for name in ("refreshedAt", "issuedAt", "changedAt", "salt"):
        record.pop(name, None)
    return {**body, "metadata": {**body["metadata"], "annotations": annotations}, "record": record}


def test_what_others_add_to_credentials_is_taken_off_without_a_mint_also_after_a_restart(
    tenant: Tenant, operator: LocalOperator
) -> None:
    tenant.apply("aws", tenant.login(), target=TARGET)
    tenant.until_ready("aws")
    before = exact(tenant, "aws")
    for name in ("added-as-text", "label-removed", "our-label-removed", "owner-removed"):
        patch(tenant, "aws", CHANGES[name][1])
        wait_until(lambda: exact(tenant, "aws") == before, f"{name} is taken back", patience=PROMPTLY)
    operator.stop()
    for name in ("added-as-text", "label-removed", "annotation-removed"):
        patch(tenant, "aws", CHANGES[name][1])
    operator.start()
    wait_until(lambda: exact(tenant, "aws") == before, "it is taken back after the start")
    assert tenant.mints() == 1


def test_what_another_field_manager_shares_goes_with_the_variable_the_label_and_the_annotation(tenant: Tenant) -> None:
    tenant.apply("app", variables(A="1", OLD="secret"), target=TARGET)
    tenant.until_ready("app")
    apply_as("argocd-controller", tenant, "app", data={"OLD": encoded(b"secret")}, metadata=dict(TARGET))
    entries = (tenant.secret("app") or {})["metadata"]["managedFields"]
    assert {one["manager"] for one in entries} >= {"esc-operator", "argocd-controller"}
    tenant.apply("app", variables(A="1"), target={"name": "app"})
    wait_until(lambda: tenant.values("app") == {"A": "1"}, "the old variable is gone", patience=PROMPTLY)
    tenant.until_ready("app")
    metadata = (tenant.secret("app") or {})["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "esc-operator"}
    assert set(metadata["annotations"]) == {"esc-operator.dev/environment", "esc-operator.dev/sync"}


def test_labels_and_annotations_of_others_stay_through_a_restoration_and_a_change(tenant: Tenant) -> None:
    tenant.apply("app", variables(A="1"))
    tenant.until_ready("app")
    theirs = {"labels": {"backup": "yes"}, "annotations": {"reflector.example.com/allowed": "true"}}
    patch(tenant, "app", {"metadata": theirs, "stringData": {"EXTRA": "x"}})
    wait_until(lambda: tenant.values("app") == {"A": "1"}, "the key is taken off", patience=PROMPTLY)
    tenant.apply("app", variables(A="2"))
    wait_until(lambda: tenant.values("app") == {"A": "2"}, "the change is there")
    metadata = (tenant.secret("app") or {})["metadata"]
    assert metadata["labels"]["backup"] == "yes"
    assert metadata["annotations"]["reflector.example.com/allowed"] == "true"


def test_two_that_fight_are_reported_and_whoever_gives_in_is_well_again(tenant: Tenant) -> None:
    tenant.apply("app", variables(A="1"))
    tenant.until_ready("app")

    def is_told() -> bool:
        patch(tenant, "app", {"stringData": {"EXTRA": "the-value"}}, fieldManager="argocd-controller")
        return tenant.condition("app").get("reason") == "SecretContested"

    wait_until(is_told, "the fight is reported", lambda: tenant.status("app"))
    status = json.dumps(tenant.status("app"))
    assert 'field manager \\"argocd-controller\\" keeps changing it (key \\"EXTRA\\")' in status
    assert "the-value" not in status
    assert encoded(b"the-value") not in status
    wait_until(lambda: tenant.is_ready("app"), "it is restored", lambda: tenant.status("app"))
    assert tenant.values("app") == {"A": "1"}

    def told() -> list[Any]:
        return [event for event in tenant.events("app") if event["reason"] == "SecretContested"]

    wait_until(told, "an event tells of it")
    assert len(told()) == 1


def test_a_webhook_that_adds_a_key_at_each_write_is_reported_and_not_fought_with(
    tenant: Tenant, tmp_path: Path
) -> None:
    name = f"adds-{tenant.namespace}"
    change = [{"op": "add", "path": "/data/INJECTED", "value": encoded(b"the-value")}]

    def answer(question: Question) -> Answer:
        request = question.content["request"]
        response = {"uid": request["uid"], "allowed": True}
        if "data" in request["object"]:
            response |= {"patchType": "JSONPatch", "patch": encoded(json.dumps(change).encode())}
        return Answer({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})

    with HttpsServer(tmp_path, answer) as server:
        webhook = {
            "name": f"{name}.example.com",
            "clientConfig": {"url": server.url, "caBundle": encoded(server.ca_file.read_bytes())},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        tenant.cluster.must("POST", WEBHOOKS.path(), {"metadata": {"name": name}, "webhooks": [webhook]})
        try:
            wait_until(lambda: _is_added(tenant), "the webhook is in force")
            tenant.apply("app", variables(A="1"))
            message = tenant.until_refused("app", "SecretContested")
            assert '(key "INJECTED")' in message
            version = (tenant.secret("app") or {})["metadata"]["resourceVersion"]
            stays(lambda: not tenant.is_ready("app"), 3.0)
            # The writes of both cancel out, and there are few of them.
            assert int((tenant.secret("app") or {})["metadata"]["resourceVersion"]) - int(version) < 200
            assert tenant.values("app")["A"] == "1"
        finally:
            tenant.cluster.must("DELETE", WEBHOOKS.path(None, name))
    wait_until(lambda: tenant.is_ready("app"), "it is well again", lambda: tenant.status("app"), patience=90)
    assert tenant.values("app") == {"A": "1"}


def _is_added(tenant: Tenant) -> bool:
    body = {"metadata": {"name": "probe"}, "stringData": {"A": "1"}}
    made = tenant.cluster.must("POST", SECRETS.path(tenant.namespace), body, dryRun="All")
    return "INJECTED" in made["data"]


def test_a_secret_that_is_made_immutable_is_reported_at_once_and_made_again_when_it_is_deleted(tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    patch(tenant, "aws", {"immutable": True})
    message = tenant.until_refused("aws", "SecretImmutable", "Refreshed")
    assert message == (
        f"somebody has made Secret {tenant.namespace}/aws immutable, so no new values can be written to it: delete it, "
        "and the operator creates it again"
    )
    assert tenant.condition("aws")["status"] == "True"
    tenant.delete_secret("aws")
    wait_until(lambda: tenant.condition("aws", "Refreshed")["status"] == "True", "it is well again")
    assert not (tenant.secret("aws") or {}).get("immutable")
    assert tenant.mints() == 1


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (
            {"app.kubernetes.io/managed-by": "Helm"},
            "the operator finds its Secrets by app.kubernetes.io/managed-by=esc-operator: leave that label out",
        ),
        ({"esc-operator.dev/team": "red"}, "only the operator sets labels of esc-operator.dev: choose other names"),
    ],
)
@pytest.mark.parametrize("kind", [ENVIRONMENTS, CLUSTER_ENVIRONMENTS])
def test_labels_of_a_target_that_fight_with_ours_are_refused(
    tenant: Tenant, kind: Resource, labels: dict[str, str], told: str
) -> None:
    namespaced = kind == ENVIRONMENTS
    spread = {} if namespaced else {"namespaces": [tenant.namespace]}
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": kind.kind,
        "metadata": {"name": "fighting"},
        "spec": {"environment": variables(A="1"), "target": {"labels": labels, **spread}},
    }
    status, answer = tenant.cluster.request("POST", kind.path(tenant.namespace if namespaced else None), body)
    assert status == 422
    assert told in answer["message"]


def test_in_many_namespaces_each_secret_is_exact(tenant: Tenant) -> None:
    name = f"wide-{tenant.namespace}"
    places = [Tenant(tenant.cluster, tenant.aws, f"{tenant.namespace}-{number}", "") for number in range(3)]
    for place in places:
        tenant.cluster.create_namespace(place.namespace)

    def put(**values: str) -> None:
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "ClusterEscEnvironment",
            "metadata": {"name": name},
            "spec": {
                "environment": variables(**values),
                "target": {"namespaces": [place.namespace for place in places], **TARGET},
            },
        }
        path = CLUSTER_ENVIRONMENTS.path(None, name)
        tenant.cluster.must("PATCH", path, body, content_type=APPLY, fieldManager="test", force="true")

    def everywhere(**values: str) -> bool:
        return all(place.secret(name) and place.values(name) == values for place in places)

    put(A="1", OLD="secret")
    try:
        wait_until(lambda: everywhere(A="1", OLD="secret"), "all are filled")
        before = [exact(place, name) for place in places]
        for change in ("added-as-text", "label-removed", "our-label-removed", "owner-removed"):
            for place in places:
                patch(place, name, CHANGES[change][1])
            wait_until(
                lambda: [exact(place, name) for place in places] == before, f"{change} is taken back", patience=PROMPTLY
            )
        apply_as("argocd-controller", places[1], name, data={"OLD": encoded(b"secret")})
        put(A="1")
        wait_until(lambda: everywhere(A="1"), "the old variable is gone", patience=PROMPTLY)
    finally:
        tenant.cluster.must("DELETE", CLUSTER_ENVIRONMENTS.path(None, name))
