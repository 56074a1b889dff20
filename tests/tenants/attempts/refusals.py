"""Secrets by way of refusals: who refuses a Secret says what it likes, and only what was there before may be told."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from cluster.harness import variables, wait_until
from esc_operator.kube.paths import EVENTS
from local_https import Answer, HttpsServer
from tenants.attempt import Verdict, attempt
from tenants.attempts.leaks import BINDINGS, POLICIES, RULE, WEBHOOKS
from tenants.judging import settled
from tenants.stage import ATTACKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_https import Question
    from tenants.stage import Stage

ITS_OWN = "every Secret needs the label owner"


def _told(stage: Stage, name: str, canary: str) -> tuple[str, bool]:
    """What the author is told of the refusal, and whether no form of the secret stands anywhere."""
    stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
    ready = settled(stage.attacker, name)
    quoted = [place for form in _forms(canary) for place in stage.found(form)]
    return f"{ready['reason']}: {ready['message']}", not quoted and ready["status"] == "False"


def _forms(canary: str) -> list[str]:
    """What may be quoted: a policy reads base64."""
    texts = (canary, base64.b64encode(canary.encode()).decode())
    found = [[one, one[: len(one) // 2], one[::-1], " ".join(one), one.upper(), one.encode().hex()] for one in texts]
    return [form for forms in found for form in forms]


# A policy.


@contextlib.contextmanager
def _policy(stage: Stage, name: str, *operations: str, **validation: str) -> Iterator[None]:
    policy = {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{**RULE, "operations": list(operations or RULE["operations"])}]},
            "matchConditions": [{"name": "that-one", "expression": f"request.name == '{name}'"}],
            "validations": [{"expression": "false", **validation}],
        },
    }
    binding = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
    stage.administrator.must("POST", POLICIES.path(), policy)
    stage.administrator.must("POST", BINDINGS.path(), binding)
    try:
        if "CREATE" in (operations or RULE["operations"]):
            wait_until(lambda: _is_refused(stage, name), "the policy is in force")
        yield
    finally:
        stage.administrator.must("DELETE", BINDINGS.path(None, name))
        stage.administrator.must("DELETE", POLICIES.path(None, name))


def _is_refused(stage: Stage, name: str) -> bool:
    body = {"metadata": {"name": name}, "stringData": {"TOKEN": "any"}}
    status, _ = stage.attacker.cluster.request("POST", f"/api/v1/namespaces/{ATTACKER}/secrets", body, dryRun="All")
    return status >= 400


_DATA = "string(object.data.TOKEN)"
QUOTES = {
    "its beginning": f"{_DATA}.substring(0, 12)",
    "it in capitals": f"{_DATA}.upperAscii()",
    "it with blanks": f"{_DATA}.split('').join(' ')",
    "it behind its own message": f"'{ITS_OWN} ' + {_DATA}",
    "it before its own message": f"{_DATA} + ' {ITS_OWN}'",
}


def _quoting(what: str, expression: str) -> None:
    @attempt(f"have a policy's words about a Secret told, which quote {what}")
    def quoted(stage: Stage) -> Verdict:
        name, canary = stage.fresh(), stage.canary()
        with _policy(stage, name, message=ITS_OWN, messageExpression=expression):
            told, kept = _told(stage, name, canary)
        named = f'the ValidatingAdmissionPolicy "{name}" denies it: its words may quote a value' in told
        return Verdict("operator", told, good=kept and named)


for _what, _expression in QUOTES.items():
    _quoting(_what, _expression)


@attempt("have a policy's own message about a Secret told, which stands in the policy", allowed=True)
def its_own_message(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    with _policy(stage, name, message=ITS_OWN):
        told, kept = _told(stage, name, canary)
    named = f'the ValidatingAdmissionPolicy "{name}" denies it: "{ITS_OWN}": change spec.target or the values' in told
    return Verdict("nobody", told, good=kept and named)


@attempt("have a policy's words told about a Secret that is deleted, which quote it")
def quoted_at_the_end(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
    stage.attacker.until_ready(name)
    quoting = "'it was ' + string(oldObject.data.TOKEN)"
    with _policy(stage, name, "DELETE", messageExpression=quoting):
        path = f"/api/v1/namespaces/{ATTACKER}/secrets/{name}"
        wait_until(lambda: _is_kept(stage, path), "the policy is in force")
        stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}), target={"name": f"{name}-new"})
        wait_until(lambda: _event(stage, name, "SecretLeftOver"), "an event tells that it is left over")
        told = _event(stage, name, "SecretLeftOver")
        kept = not [place for form in _forms(canary) for place in stage.found(form)]
    wait_until(lambda: not _is_kept(stage, path), "the policy is in force no more")
    stage.administrator.must("DELETE", path)
    named = f'the ValidatingAdmissionPolicy "{name}" denies it' in told
    return Verdict("operator", told, good=kept and named)


def _is_kept(stage: Stage, path: str) -> bool:
    status, _ = stage.administrator.request("DELETE", path, {"dryRun": ["All"]})
    return status >= 400


def _event(stage: Stage, name: str, reason: str) -> str:
    """The message of an event about an environment; "" where there is none."""
    events = stage.administrator.must("GET", EVENTS.path(ATTACKER))["items"]
    about = [one for one in events if one["involvedObject"]["name"] == name and one["reason"] == reason]
    return str(about[0]["message"]) if about else ""


# A webhook.


@contextlib.contextmanager
def _webhook(stage: Stage, name: str, say: Callable[[str], str], canary: str) -> Iterator[None]:
    def answer(question: Question) -> Answer:
        uid = question.content["request"]["uid"]
        refusal = {"uid": uid, "allowed": False, "status": {"message": say(canary)}}
        return Answer({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": refusal})

    with HttpsServer(stage.folder / name, answer) as server:
        webhook = {
            "name": f"{name}.example.com",
            "clientConfig": {"url": server.url, "caBundle": _authority(server)},
            "rules": [RULE],
            "matchConditions": [{"name": "that-one", "expression": f"request.name == '{name}'"}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        stage.administrator.must("POST", WEBHOOKS.path(), {"metadata": {"name": name}, "webhooks": [webhook]})
        try:
            wait_until(lambda: _is_refused(stage, name), "the webhook is in force")
            yield
        finally:
            stage.administrator.must("DELETE", WEBHOOKS.path(None, name))


def _authority(server: HttpsServer) -> str:
    return base64.b64encode(server.ca_file.read_bytes()).decode()


SAYINGS: dict[str, Callable[[str], str]] = {
    "reversed": lambda canary: canary[::-1],
    "in half": lambda canary: canary[: len(canary) // 2],
    "with blanks": " ".join,
    "in hexadecimal": lambda canary: canary.encode().hex(),
    "as JSON": lambda canary: json.dumps({"value": canary}),
    "as a webhook that cannot be reached": lambda canary: f"failed calling webhook {canary}: connection refused",
    "as a quota": lambda canary: f'secrets "x" is forbidden: exceeded quota: {canary}, requested: secrets=1',
}


def _saying(what: str, say: Callable[[str], str]) -> None:
    @attempt(f"have a webhook's words about a Secret told, which quote it {what}")
    def said(stage: Stage) -> Verdict:
        name, canary = stage.fresh(), stage.canary()
        with _webhook(stage, name, say, canary):
            told, kept = _told(stage, name, canary)
        named = f'the admission webhook "{name}.example.com" denies it: its words may quote a value' in told
        return Verdict("operator", told, good=kept and named and "--dry-run=server" in told)


for _what, _say in SAYINGS.items():
    _saying(_what, _say)


@attempt("refuse the status of an environment, so that nobody learns that its Secret is refused")
def status_refused(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    rule: dict[str, Any] = {
        "apiGroups": ["esc-operator.dev"],
        "apiVersions": ["v1alpha1"],
        "operations": ["UPDATE"],
        "resources": ["escenvironments/status"],
    }
    policy = {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [{"name": "that-one", "expression": f"request.name == '{name}'"}],
            "validations": [{"expression": "false", "message": "no status"}],
        },
    }
    binding = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
    stage.administrator.must("POST", POLICIES.path(), policy)
    stage.administrator.must("POST", BINDINGS.path(), binding)
    try:
        wait_until(lambda: _status_is_refused(stage, name), "the policy is in force")
        stage.attacker.apply(name, variables(TOKEN={"fn::secret": canary}))
        wait_until(lambda: _event(stage, name, "StatusNotWritten"), "an event tells that it is not written")
        told = _event(stage, name, "StatusNotWritten")
    finally:
        stage.administrator.must("DELETE", BINDINGS.path(None, name))
        stage.administrator.must("DELETE", POLICIES.path(None, name))
    stage.attacker.until_ready(name)
    kept = not [place for form in _forms(canary) for place in stage.found(form)]
    named = (
        f'the ValidatingAdmissionPolicy "{name}" denies it; until it can be written, the status says what was' in told
    )
    return Verdict("operator", told, good=kept and named)


def _status_is_refused(stage: Stage, name: str) -> bool:
    path = f"/apis/esc-operator.dev/v1alpha1/namespaces/{ATTACKER}/escenvironments/{name}"
    stage.attacker.apply(name, variables(TOKEN="none"), suspend=True)
    status, _ = stage.administrator.request(
        "PATCH",
        f"{path}/status",
        {"status": {"failures": 1}},
        content_type="application/merge-patch+json",
        dryRun="All",
    )
    return status >= 400
