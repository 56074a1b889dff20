"""Writes of Secrets that a real API server refuses or cannot judge: told within seconds, and mended within seconds."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, stays, variables, wait_until
from esc_operator.kube.paths import EVENTS, SECRETS, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluster.harness import Cluster

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = Resource(ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
BINDINGS = Resource(ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding")
VALIDATING = Resource(ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration")
MUTATING = Resource(ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
QUOTAS = Resource("/api/v1", "resourcequotas", "ResourceQuota")
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["CREATE", "UPDATE"]}
PROBE = {"metadata": {"name": "probe"}, "stringData": {"A": "1"}}

TOLD = 15.0
MENDED = 30.0
"""Seconds, as on a machine where many tests run side by side; an idle one needs two and ten. Without what is tested
it is minutes."""


def until_told(tenant: Tenant, name: str, reason: str, patience: float) -> str:
    wait_until(
        lambda: tenant.condition(name, "Refreshed").get("reason") == reason,
        f"Refreshed is {reason}",
        lambda: tenant.status(name).get("conditions"),
        patience,
    )
    condition, body = tenant.condition(name, "Refreshed"), tenant.environment(name)
    assert condition["status"] == "False"
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    return str(condition["message"])


def events(tenant: Tenant, name: str) -> list[str]:
    found = tenant.cluster.must("GET", EVENTS.path(tenant.namespace))["items"]
    return [one["reason"] for one in found if one["involvedObject"]["name"] == name]


def holds(tenant: Tenant, name: str, value: str) -> bool:
    return tenant.secret(name) is not None and tenant.values(name) == {"A": value}


@contextlib.contextmanager
def object_of(cluster: Cluster, resource: Resource, name: str, body: Mapping[str, Any]) -> Iterator[None]:
    cluster.must("POST", resource.path(), {"metadata": {"name": name}, **body})
    try:
        yield
    finally:
        cluster.request("DELETE", resource.path(None, name))


def until_in_force(tenant: Tenant) -> None:
    path = SECRETS.path(tenant.namespace)
    wait_until(lambda: tenant.cluster.request("POST", path, PROBE, dryRun="All")[0] >= 400, "it is in force")


def of_namespace(tenant: Tenant) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}}


def webhook(tenant: Tenant, url: str, **more: Any) -> dict[str, Any]:
    return {
        "webhooks": [
            {
                "name": "down.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 1,
                "clientConfig": {"url": url},
                "rules": [RULE],
                "namespaceSelector": of_namespace(tenant),
                **more,
            }
        ]
    }


@pytest.mark.parametrize(
    ("resource", "url", "why"),
    [
        (VALIDATING, "https://127.0.0.1:1/validate", "connection refused"),
        (MUTATING, "https://127.0.0.1:1/mutate", "connection refused"),
        (VALIDATING, "https://nowhere.invalid/validate", "its host name is not found"),
    ],
    ids=["validating", "mutating", "no such host"],
)
def test_a_webhook_that_cannot_be_reached_is_told_and_noticed_when_it_is_gone(
    tenant: Tenant, resource: Resource, url: str, why: str
) -> None:
    tenant.apply("app", variables(A="1"))
    tenant.until_ready("app")
    with object_of(tenant.cluster, resource, tenant.namespace, webhook(tenant, url)):
        until_in_force(tenant)
        tenant.apply("app", variables(A="2"))
        message = until_told(tenant, "app", "AdmissionWebhookUnavailable", TOLD)
        assert f'the admission webhook "down.example.com" cannot be reached ({why}): whoever runs it' in message
        assert holds(tenant, "app", "1")
        before = tenant.environment("app")["metadata"]["resourceVersion"]
        stays(lambda: tenant.environment("app")["metadata"]["resourceVersion"] == before, 6)
        assert events(tenant, "app").count("AdmissionWebhookUnavailable") == 1
    wait_until(lambda: holds(tenant, "app", "2"), "it is mended", patience=MENDED)
    tenant.until_ready("app")
    wait_until(lambda: "Refreshed" in events(tenant, "app"), "an event tells that it is mended", patience=MENDED)


def test_a_policy_is_told_with_its_own_message_and_the_advice_helps(tenant: Tenant) -> None:
    name = tenant.namespace
    policy = {
        "spec": {
            "matchConstraints": {"resourceRules": [RULE], "namespaceSelector": of_namespace(tenant)},
            "validations": [
                {
                    "expression": "has(object.metadata.labels) && 'owner' in object.metadata.labels",
                    "message": "every Secret needs the label owner",
                }
            ],
        }
    }
    binding = {"spec": {"policyName": name, "validationActions": ["Deny"]}}
    with object_of(tenant.cluster, POLICIES, name, policy), object_of(tenant.cluster, BINDINGS, name, binding):
        until_in_force(tenant)
        tenant.apply("app", variables(A="1"))
        assert until_told(tenant, "app", "SecretRefused", TOLD) == (
            f'could not write secrets {name}/app: the ValidatingAdmissionPolicy "{name}" denies it: '
            '"every Secret needs the label owner": change spec.target or the values so that it holds, or ask the '
            "administrator of the cluster"
        )
        tenant.apply("app", variables(A="1"), target={"labels": {"owner": "us"}})
        tenant.until_ready("app")


def test_a_quota_is_told_with_its_numbers_and_noticed_when_it_grows(tenant: Tenant) -> None:
    path = QUOTAS.path(tenant.namespace)
    tenant.cluster.must("POST", path, {"metadata": {"name": "none"}, "spec": {"hard": {"count/secrets": "0"}}})
    until_in_force(tenant)
    tenant.apply("app", variables(A="1"))
    assert until_told(tenant, "app", "SecretRefused", TOLD) == (
        f'could not write secrets {tenant.namespace}/app: the ResourceQuota "none" is used up (count/secrets: 0 of 0): '
        "delete Secrets that nobody needs from this namespace, or ask its administrator for a larger quota"
    )
    tenant.cluster.must("DELETE", QUOTAS.path(tenant.namespace, "none"))
    wait_until(lambda: holds(tenant, "app", "1"), "it is mended", patience=MENDED)


def long_names(count: int) -> dict[str, Any]:
    """So many variables with long names, as a text: the API server stores the fields of an object twice as well."""
    names = {f"{number:04}".rjust(240, "A"): "1" for number in range(count)}
    return {"values": {"environmentVariables": {"fn::fromJSON": json.dumps(names)}}}


def test_names_that_are_too_much_for_etcd_are_told_with_what_takes_how_much(tenant: Tenant) -> None:
    tenant.apply("app", long_names(3300))
    message = until_told(tenant, "app", "SecretTooLarge", 30)
    assert "a Secret takes at most 1.5 MiB in etcd (1572864 bytes), and this one takes " in message
    assert "of the names of 3300 keys, which are stored twice" in message


def test_what_fits_into_etcd_just_so_is_not_refused_before_it_is_written(tenant: Tenant) -> None:
    tenant.apply("app", long_names(3130))
    tenant.until_ready("app")


def seconds_to_ready(tenant: Tenant, name: str) -> float:
    began = time.monotonic()
    tenant.apply(name, variables(A="1"))
    tenant.until_ready(name)
    return time.monotonic() - began


def test_a_slow_webhook_keeps_no_neighbour_waiting(tenant: Tenant) -> None:
    other = f"{tenant.namespace}-slow"
    tenant.cluster.create_namespace(other)
    slow = Tenant(tenant.cluster, tenant.aws, other, tenant.role)
    # Connections are made, and nothing is said on them.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/x"
        with object_of(tenant.cluster, VALIDATING, other, webhook(slow, url, timeoutSeconds=8)):
            until_in_force(slow)
            for number in range(30):
                slow.apply(f"app-{number}", variables(A="1"))
            assert seconds_to_ready(tenant, "beside") < 6, "it waited for a write that takes eight seconds"
            assert "no answer in time" in until_told(slow, "app-0", "AdmissionWebhookUnavailable", 60)
