"""Policies and webhooks that refuse what an attempt is about: for as long as a `with` lasts, and by its name alone."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from esc_operator.kube.paths import SECRETS, Resource
from local_https import Answer, HttpsServer
from tenants.stage import ATTACKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local_https import Question
    from tenants.stage import Stage

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = Resource(ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
BINDINGS = Resource(ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding")
WEBHOOKS = Resource(ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration")
WRITES_OF_SECRETS = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["secrets"],
}


def is_refused(stage: Stage, name: str) -> bool:
    """Whether a Secret of that name cannot be created."""
    body = {"metadata": {"name": name}, "stringData": {"TOKEN": "any"}}
    status, _ = stage.attacker.cluster.request("POST", SECRETS.path(ATTACKER), body, dryRun="All")
    return status >= 400


@contextlib.contextmanager
def refusing_policy(
    stage: Stage,
    name: str,
    validation: Mapping[str, str],
    rule: Mapping[str, Any] = WRITES_OF_SECRETS,
    refuses: Callable[[Stage, str], bool] = is_refused,
) -> Iterator[None]:
    """A policy that refuses the object of that name. It is in force once it `refuses`."""
    policy = {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [dict(rule)]},
            "matchConditions": [{"name": "that-one", "expression": f"request.name == '{name}'"}],
            "validations": [{"expression": "false", **validation}],
        },
    }
    binding = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
    stage.administrator.must("POST", POLICIES.path(), policy)
    stage.administrator.must("POST", BINDINGS.path(), binding)
    try:
        wait_until(lambda: refuses(stage, name), "the policy is in force")
        yield
    finally:
        stage.administrator.must("DELETE", BINDINGS.path(None, name))
        stage.administrator.must("DELETE", POLICIES.path(None, name))


@contextlib.contextmanager
def refusing_webhook(stage: Stage, name: str, status: Mapping[str, Any]) -> Iterator[None]:
    """A webhook that refuses the Secret of that name, with that status."""

    def answer(question: Question) -> Answer:
        refusal = {"uid": question.content["request"]["uid"], "allowed": False, "status": dict(status)}
        return Answer({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": refusal})

    with HttpsServer(stage.folder / name, answer) as server:
        authority = base64.b64encode(server.ca_file.read_bytes()).decode()
        webhook = {
            "name": f"{name}.example.com",
            "clientConfig": {"url": server.url, "caBundle": authority},
            "rules": [WRITES_OF_SECRETS],
            "matchConditions": [{"name": "that-one", "expression": f"request.name == '{name}'"}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        stage.administrator.must("POST", WEBHOOKS.path(), {"metadata": {"name": name}, "webhooks": [webhook]})
        try:
            wait_until(lambda: is_refused(stage, name), "the webhook is in force")
            yield
        finally:
            stage.administrator.must("DELETE", WEBHOOKS.path(None, name))
